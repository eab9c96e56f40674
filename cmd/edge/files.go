package main

import (
	"context"
	"log/slog"
	"time"

	"meridian/assets"
)

// bucketWait bounds how long the start waits for the S3 server: the shop sells without pictures.
const bucketWait = 3 * time.Second

// files is where pictures, clips and the tables of recommendations are; nil without an S3 server.
func (o *options) files(ctx context.Context, log *slog.Logger) (*assets.Store, error) {
	if o.s3Endpoint == "" {
		log.Warn("no --s3-endpoint: pictures and clips are not served, and what is popular is recommended")
		return nil, nil
	}
	store, err := assets.New(assets.Config{Endpoint: o.s3Endpoint, AccessKey: o.s3AccessKey, SecretKey: o.s3SecretKey,
		Bucket: o.s3Bucket, Region: o.s3Region, Secure: o.s3TLS, Logger: log})
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, bucketWait)
	defer cancel()
	if err := store.EnsureBucket(ctx); err != nil {
		log.Warn("the S3 server does not answer; pictures come back when it does", "err", err)
	}
	return store, nil
}
