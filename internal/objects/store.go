package objects

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/sony/gobreaker/v2"
)

// Config says where the files are.
type Config struct {
	// Endpoint is host:port of the S3 server. Required.
	Endpoint string
	// AccessKey and SecretKey sign the requests. Required.
	AccessKey, SecretKey string
	// Bucket holds everything. Required.
	Bucket string
	// Secure uses TLS. Default false.
	Secure bool
	// Region of the bucket. Default us-east-1.
	Region string
	// Timeout bounds one request, body included. Default 2 s.
	Timeout time.Duration
	// Trip is after how many failures in a row S3 is left alone. Default 3.
	Trip int
	// Rest is how long it is left alone before one request tries again. Default 1 s.
	Rest time.Duration
	// Logger. Default: discards.
	Logger *slog.Logger
}

func (c Config) withDefaults() (Config, error) {
	for _, f := range []struct{ name, value string }{{"endpoint", c.Endpoint}, {"access key", c.AccessKey}, {"secret key", c.SecretKey}, {"bucket", c.Bucket}} {
		if f.value == "" {
			return c, fmt.Errorf("S3 %s is missing", f.name)
		}
	}
	if c.Region == "" {
		c.Region = "us-east-1"
	}
	if c.Timeout <= 0 {
		c.Timeout = 2 * time.Second
	}
	if c.Trip <= 0 {
		c.Trip = 3
	}
	if c.Rest <= 0 {
		c.Rest = time.Second
	}
	if c.Logger == nil {
		c.Logger = slog.New(slog.DiscardHandler)
	}
	return c, nil
}

// Object is a stored file, or a part of one.
type Object struct {
	Key         string
	ContentType string
	ETag        string // without quotes
	Modified    time.Time
	Size        int64 // of the whole file
	Start       int64 // where Body begins in the file
	Body        []byte
}

// Store reads and writes files. It is safe for concurrent use.
type Store struct {
	cfg       Config
	s3        *minio.Core
	transport *http.Transport
	breaker   *gobreaker.CircuitBreaker[Object]
}

// New makes a store; it does not connect.
func New(cfg Config) (*Store, error) {
	cfg, err := cfg.withDefaults()
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		DialContext:           (&net.Dialer{Timeout: min(cfg.Timeout, time.Second)}).DialContext,
		ResponseHeaderTimeout: cfg.Timeout,
		TLSHandshakeTimeout:   cfg.Timeout,
		MaxIdleConnsPerHost:   64,
		IdleConnTimeout:       30 * time.Second,
		DisableCompression:    true,
	}
	// One try: the caller's deadline is short, and the breaker decides when to try again.
	client, err := minio.NewCore(cfg.Endpoint, &minio.Options{
		Creds: credentials.NewStaticV4(cfg.AccessKey, cfg.SecretKey, ""), Secure: cfg.Secure, Region: cfg.Region,
		Transport: transport, MaxRetries: 1, BucketLookup: minio.BucketLookupPath,
	})
	if err != nil {
		return nil, fmt.Errorf("S3 endpoint %q: %w", cfg.Endpoint, err)
	}
	s := &Store{cfg: cfg, s3: client, transport: transport}
	s.breaker = gobreaker.NewCircuitBreaker[Object](gobreaker.Settings{
		Name: "s3", MaxRequests: 1, Timeout: cfg.Rest,
		ReadyToTrip:  func(c gobreaker.Counts) bool { return int(c.ConsecutiveFailures) >= cfg.Trip },
		IsSuccessful: func(err error) bool { return !errors.Is(err, ErrUnavailable) },
		IsExcluded:   func(err error) bool { return errors.Is(err, context.Canceled) },
		OnStateChange: func(_ string, from, to gobreaker.State) {
			cfg.Logger.Warn("file store", "from", from.String(), "to", to.String())
		},
	})
	return s, nil
}

// Close drops idle connections.
func (s *Store) Close() error {
	s.transport.CloseIdleConnections()
	return nil
}

// Available reports whether S3 is asked at present; false after it failed several times in a row.
func (s *Store) Available() bool { return s.breaker.State() != gobreaker.StateOpen }

// EnsureBucket makes the bucket if it is missing.
func (s *Store) EnsureBucket(ctx context.Context) error {
	_, err := s.ask(ctx, "make bucket "+s.cfg.Bucket, func(ctx context.Context) (Object, error) {
		there, err := s.s3.BucketExists(ctx, s.cfg.Bucket)
		if err != nil || there {
			return Object{}, err
		}
		err = s.s3.MakeBucket(ctx, s.cfg.Bucket, minio.MakeBucketOptions{Region: s.cfg.Region})
		if code := minio.ToErrorResponse(err).Code; code == "BucketAlreadyOwnedByYou" || code == "BucketAlreadyExists" {
			return Object{}, nil // another process was faster
		}
		if err == nil {
			s.cfg.Logger.Warn("made a bucket that was not there; if its name is mistyped, stop and correct it", "bucket", s.cfg.Bucket)
		}
		return Object{}, err
	})
	return err
}

// Get reads a whole file.
func (s *Store) Get(ctx context.Context, key string) (Object, error) {
	return s.get(ctx, key, minio.GetObjectOptions{})
}

// GetRange reads bytes from to to, both inclusive; to < 0 reads to the end. Object.Size is the size of
// the whole file. A range that begins behind the end is ErrRange.
func (s *Store) GetRange(ctx context.Context, key string, from, to int64) (Object, error) {
	if from < 0 || to >= 0 && to < from {
		return Object{}, fmt.Errorf("get %s bytes %d to %d: %w", key, from, to, ErrRange)
	}
	var opts minio.GetObjectOptions
	// Set by hand: SetRange cannot say "from byte 0 to the end".
	value := "bytes=" + strconv.FormatInt(from, 10) + "-"
	if to >= 0 {
		value += strconv.FormatInt(to, 10)
	}
	opts.Set("Range", value)
	return s.get(ctx, key, opts)
}

func (s *Store) get(ctx context.Context, key string, opts minio.GetObjectOptions) (Object, error) {
	if err := checkKey(key); err != nil {
		return Object{}, err
	}
	return s.ask(ctx, "get "+key, func(ctx context.Context) (Object, error) {
		body, info, head, err := s.s3.GetObject(ctx, s.cfg.Bucket, key, opts)
		if err != nil {
			return Object{}, err
		}
		defer body.Close()
		o := Object{Key: key, ContentType: info.ContentType, ETag: info.ETag, Modified: info.LastModified, Size: info.Size}
		if r := head.Get("Content-Range"); r != "" {
			if o.Start, o.Size, err = contentRange(r); err != nil {
				return Object{}, err
			}
		}
		if info.Size < 0 || info.Size > MaxObjectBytes { // unknown is refused too: what is read is bounded
			return Object{}, fmt.Errorf("%d bytes: %w", info.Size, ErrTooLarge)
		}
		o.Body = make([]byte, info.Size)
		if _, err := io.ReadFull(body, o.Body); err != nil {
			return Object{}, fmt.Errorf("read body: %w", err)
		}
		return o, nil
	})
}

// contentRange reads "bytes 0-99/1234".
func contentRange(s string) (start, size int64, err error) {
	r, total, ok1 := strings.Cut(strings.TrimPrefix(s, "bytes "), "/")
	from, _, ok2 := strings.Cut(r, "-")
	start, err1 := strconv.ParseInt(from, 10, 64)
	size, err2 := strconv.ParseInt(total, 10, 64)
	if !ok1 || !ok2 || err1 != nil || err2 != nil || start < 0 || size < start {
		return 0, 0, fmt.Errorf("content range %q", s)
	}
	return start, size, nil
}

// Stat answers what Get would, without the body.
func (s *Store) Stat(ctx context.Context, key string) (Object, error) {
	if err := checkKey(key); err != nil {
		return Object{}, err
	}
	return s.ask(ctx, "stat "+key, func(ctx context.Context) (Object, error) {
		info, err := s.s3.StatObject(ctx, s.cfg.Bucket, key, minio.StatObjectOptions{})
		return Object{Key: key, ContentType: info.ContentType, ETag: info.ETag, Modified: info.LastModified, Size: info.Size}, err
	})
}

// Put stores a file. When the same bytes are there already, nothing is sent.
func (s *Store) Put(ctx context.Context, key, contentType string, body []byte) error {
	if err := checkKey(key); err != nil {
		return err
	}
	if len(body) > MaxObjectBytes {
		return fmt.Errorf("put %s: %d bytes: %w", key, len(body), ErrTooLarge)
	}
	// S3's ETag of an object written in one piece is its MD5; it only saves work here.
	sum := md5.Sum(body)
	if old, err := s.Stat(ctx, key); err == nil && old.Size == int64(len(body)) && old.ETag == hex.EncodeToString(sum[:]) && old.ContentType == contentType {
		return nil
	}
	_, err := s.ask(ctx, "put "+key, func(ctx context.Context) (Object, error) {
		_, err := s.s3.Client.PutObject(ctx, s.cfg.Bucket, key, bytes.NewReader(body), int64(len(body)),
			minio.PutObjectOptions{ContentType: contentType, DisableMultipart: true})
		return Object{}, err
	})
	return err
}

// ask runs one request behind the breaker and sorts its errors.
func (s *Store) ask(ctx context.Context, what string, request func(context.Context) (Object, error)) (Object, error) {
	o, err := s.breaker.Execute(func() (Object, error) {
		if err := ctx.Err(); err != nil {
			return Object{}, err
		}
		limited, cancel := context.WithTimeout(ctx, s.cfg.Timeout)
		defer cancel()
		o, err := request(limited)
		return o, classify(ctx, err)
	})
	switch {
	case err == nil:
		return o, nil
	case errors.Is(err, gobreaker.ErrOpenState), errors.Is(err, gobreaker.ErrTooManyRequests):
		err = fmt.Errorf("%w: resting after failures", ErrUnavailable)
	}
	return Object{}, fmt.Errorf("%s: %w", what, err)
}

// classify turns what S3 answered into this package's errors. ctx is the caller's: its own deadline
// says nothing about S3 when it was shorter than ours, yet nothing arrived, so it counts as unavailable.
func classify(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(ctx.Err(), context.Canceled) {
		return context.Canceled
	}
	if errors.Is(err, ErrTooLarge) || errors.Is(err, ErrExists) {
		return err
	}
	r := minio.ToErrorResponse(err)
	switch {
	case r.Code == "NoSuchBucket":
		return ErrNoBucket
	case r.Code == "NoSuchKey":
		return fmt.Errorf("%w (%s)", ErrNotFound, r.Code)
	case r.Code == "InvalidAccessKeyId", r.Code == "SignatureDoesNotMatch", r.Code == "AccessDenied", r.Code == "XAdminUserNotFound":
		return fmt.Errorf("%w: the server refuses the access key or its secret: %w", ErrUnavailable, err)
	case r.Code == "InvalidRange", r.StatusCode == http.StatusRequestedRangeNotSatisfiable:
		return ErrRange
	}
	return fmt.Errorf("%w: %w", ErrUnavailable, err)
}
