package main

import (
	"flag"
	"log/slog"
	"os"
	"strings"
	"time"

	"meridian/backup"
	"meridian/cmd/core/node"
	"meridian/internal/flagenv"
	"meridian/internal/objects"
)

// bucketFlags are how every command reaches the bucket of the backups.
type bucketFlags struct {
	endpoint, accessKey, secretFile, region string
	tls                                     bool
}

func (f *bucketFlags) add(fs *flag.FlagSet) {
	fs.StringVar(&f.endpoint, "s3-endpoint", "", "host:port of the S3 server that has the backups")
	fs.StringVar(&f.accessKey, "s3-access-key", "", "access key of the S3 server")
	fs.StringVar(&f.secretFile, "s3-secret-key-file", "", "file with the secret key of the S3 server")
	fs.StringVar(&f.region, "s3-region", "us-east-1", "region of the bucket")
	fs.BoolVar(&f.tls, "s3-tls", false, "speak TLS to the S3 server")
}

// config reads s3://bucket/prefix, which the flag name gave.
func (f *bucketFlags) config(name, url string, log *slog.Logger) (c objects.Config, prefix string, err error) {
	bucket, prefix, err := backup.ParseURL(url)
	if err != nil {
		return c, "", flagenv.Errorf(name, "%v", err)
	}
	if f.endpoint == "" {
		return c, "", flagenv.Errorf("s3-endpoint", "name host:port of the S3 server, such as s3.eu-central-1.amazonaws.com:443 with --s3-tls")
	}
	b, err := os.ReadFile(f.secretFile)
	if err != nil {
		return c, "", flagenv.Errorf("s3-secret-key-file", "cannot be read: %v", err)
	}
	c = objects.Config{Endpoint: f.endpoint, AccessKey: f.accessKey, SecretKey: strings.TrimSpace(string(b)), Bucket: bucket, Region: f.region, Secure: f.tls, Logger: log}
	if c.AccessKey == "" || c.SecretKey == "" {
		return c, "", flagenv.Errorf("s3-access-key", "give the access key, and the secret key in --s3-secret-key-file")
	}
	return c, prefix, nil
}

// open is a bucket to read backups from.
func (f *bucketFlags) open(name, url string) (*backup.Bucket, error) {
	cfg, prefix, err := f.config(name, url, nil)
	if err != nil {
		return nil, err
	}
	cfg.Timeout = 30 * time.Second
	store, err := objects.New(cfg)
	if err != nil {
		return nil, err
	}
	return backup.NewBucket(store, prefix), nil
}

// backupFlags are those of `core serve`.
type backupFlags struct {
	bucketFlags
	to          string
	flush, full time.Duration
	keep        int
}

func (f *backupFlags) add(fs *flag.FlagSet) {
	f.bucketFlags.add(fs)
	fs.StringVar(&f.to, "backup", "", "where backups go, s3://bucket/prefix, the same on every core; empty: there are none")
	fs.DurationVar(&f.flush, "backup-flush", 250*time.Millisecond, "how long a write may wait until it is sent to the bucket; at most 1s")
	fs.DurationVar(&f.full, "backup-full-every", 5*time.Hour, "time between full backups; times --backup-keep it should be below a day, so that what was erased is in none after one")
	fs.IntVar(&f.keep, "backup-keep", 4, "full backups that stay, with the log after the oldest")
}

func (f *backupFlags) config(log *slog.Logger) (*node.BackupConfig, error) {
	if f.to == "" {
		return nil, nil
	}
	switch {
	case f.flush < 10*time.Millisecond || f.flush > time.Second:
		return nil, flagenv.Errorf("backup-flush", "give 10ms to 1s")
	case f.full < time.Minute:
		return nil, flagenv.Errorf("backup-full-every", "give at least 1m")
	case f.keep < 1:
		return nil, flagenv.Errorf("backup-keep", "give at least 1")
	}
	cfg, prefix, err := f.bucketFlags.config("backup", f.to, log)
	if err != nil {
		return nil, err
	}
	return &node.BackupConfig{S3: cfg, Prefix: prefix, FlushEvery: f.flush, FullEvery: f.full, Keep: f.keep}, nil
}
