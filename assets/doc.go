// Package assets keeps pictures, clips and other files in S3, through package objects.
//
// It promises what a Store of objects does, so that pages never hang on a dead S3 server. It refuses
// pictures that would take too much memory before it decodes them. Read Store and Object first.
package assets

import (
	"errors"

	"meridian/internal/objects"
)

// What objects says about files holds here too.
var (
	ErrNotFound    = objects.ErrNotFound
	ErrUnavailable = objects.ErrUnavailable
	ErrRange       = objects.ErrRange
	ErrKey         = objects.ErrKey
	// ErrTooLarge: more bytes or pixels than the limits of this package.
	ErrTooLarge = objects.ErrTooLarge
	// ErrUnsupported: not a JPEG, PNG or MP4 that we can read.
	ErrUnsupported = errors.New("unsupported file")
)

// Limits of what is accepted.
const (
	MaxUploadBytes = 20 << 20
	MaxPixels      = 40_000_000
	MaxSide        = 16_000
	MaxObjectBytes = objects.MaxObjectBytes
)

type (
	// Config says where the files are.
	Config = objects.Config
	// Object is a stored file, or a part of one.
	Object = objects.Object
)

// Store keeps pictures and clips. It is safe for concurrent use.
type Store struct {
	*objects.Store
	decoding chan struct{} // holds a token per picture being decoded: they are large in memory
}

// New makes a store; it does not connect.
func New(cfg Config) (*Store, error) {
	s, err := objects.New(cfg)
	if err != nil {
		return nil, err
	}
	return &Store{Store: s, decoding: make(chan struct{}, 1)}, nil
}
