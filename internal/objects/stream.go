package objects

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"

	"github.com/minio/minio-go/v7"
)

// partBytes is the size of the pieces in which a stream is sent; S3 allows 10,000 of them.
const partBytes = 16 << 20

// Entry is one file of a listing.
type Entry struct {
	Key  string
	Size int64
}

// PutNew stores a file unless there is one under its key: then it answers ErrExists.
func (s *Store) PutNew(ctx context.Context, key, contentType string, body []byte) error {
	if err := checkKey(key); err != nil {
		return err
	}
	opts := minio.PutObjectOptions{ContentType: contentType, DisableMultipart: true}
	opts.SetMatchETagExcept("*")
	_, err := s.ask(ctx, "put "+key, func(ctx context.Context) (Object, error) {
		_, err := s.s3.Client.PutObject(ctx, s.cfg.Bucket, key, bytes.NewReader(body), int64(len(body)), opts)
		if r := minio.ToErrorResponse(err); err != nil && (r.StatusCode == http.StatusPreconditionFailed || r.Code == "PreconditionFailed") {
			return Object{}, ErrExists
		}
		return Object{}, err
	})
	return err
}

// PutStream stores what r gives, of any length. It takes as long as that lasts: ctx bounds it.
func (s *Store) PutStream(ctx context.Context, key, contentType string, r io.Reader) (int64, error) {
	if err := checkKey(key); err != nil {
		return 0, err
	}
	info, err := s.s3.Client.PutObject(ctx, s.cfg.Bucket, key, r, -1, minio.PutObjectOptions{ContentType: contentType, PartSize: partBytes})
	if err != nil {
		return 0, fmt.Errorf("put %s: %w", key, classify(ctx, err))
	}
	return info.Size, nil
}

// GetStream reads a file of any length. Close the reader; ctx bounds it until then.
func (s *Store) GetStream(ctx context.Context, key string) (io.ReadCloser, int64, error) {
	if err := checkKey(key); err != nil {
		return nil, 0, err
	}
	body, info, _, err := s.s3.GetObject(ctx, s.cfg.Bucket, key, minio.GetObjectOptions{})
	if err != nil {
		return nil, 0, fmt.Errorf("get %s: %w", key, classify(ctx, err))
	}
	return body, info.Size, nil
}

// List calls fn for every file whose key begins with prefix and is after the key after, in the order
// of keys.
func (s *Store) List(ctx context.Context, prefix, after string, fn func(Entry) error) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel() // ends the lister when fn has had enough
	for o := range s.s3.Client.ListObjects(ctx, s.cfg.Bucket, minio.ListObjectsOptions{Prefix: prefix, StartAfter: after, Recursive: true}) {
		if o.Err != nil {
			return fmt.Errorf("list %q in bucket %q: %w", prefix, s.cfg.Bucket, classify(ctx, o.Err))
		}
		if err := fn(Entry{Key: o.Key, Size: o.Size}); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// Remove deletes a file. One that is not there is no error.
func (s *Store) Remove(ctx context.Context, key string) error {
	if err := checkKey(key); err != nil {
		return err
	}
	_, err := s.ask(ctx, "remove "+key, func(ctx context.Context) (Object, error) {
		return Object{}, s.s3.RemoveObject(ctx, s.cfg.Bucket, key, minio.RemoveObjectOptions{})
	})
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	return err
}
