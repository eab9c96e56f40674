package main

import (
	"log/slog"

	"meridian/edge"
)

// files is where pictures and clips are. Without an S3 server the shop sells without them.
func (o *options) files(log *slog.Logger) (edge.Files, error) {
	if o.s3Endpoint == "" {
		log.Warn("no --s3-endpoint: pictures and clips are not served")
	}
	return nil, nil
}
