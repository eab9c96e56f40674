package assets_test

import (
	"testing"
	"time"

	"meridian/assets"
	"meridian/internal/objects/s3test"
)

// started is a store on a server of its own, with its bucket.
func started(t *testing.T) (*assets.Store, *s3test.Server) {
	t.Helper()
	srv := s3test.Start(t)
	s, err := assets.New(assets.Config{Endpoint: srv.Endpoint, AccessKey: srv.AccessKey, SecretKey: srv.SecretKey, Bucket: "files", Timeout: time.Second, Rest: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = s.Close() })
	if err := s.EnsureBucket(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s, srv
}
