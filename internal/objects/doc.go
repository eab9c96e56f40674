// Package objects reads and writes files in S3: pictures and clips for package assets, backups for
// package backup. It is the only importer of minio-go.
//
// It promises that a Put that answered is readable, that putting the same bytes under the same key
// again costs nothing, and that a dead S3 server is answered with ErrUnavailable within the configured
// time-out and, after a few failures, at once. It refuses keys that are not plain relative paths.
// Read Store and Object first.
package objects

import (
	"errors"
	"fmt"
	"strings"
)

var (
	// ErrNotFound: there is no such key.
	ErrNotFound = errors.New("not found")
	// ErrNoBucket: there is no such bucket. It is an ErrNotFound as well.
	ErrNoBucket = fmt.Errorf("%w: there is no such bucket on the S3 server", ErrNotFound)
	// ErrUnavailable: S3 did not answer, answered with a failure, or is not asked for a moment after
	// it failed several times. Trying again later may succeed.
	ErrUnavailable = errors.New("file store unavailable")
	// ErrRange: the range asked for lies outside the object.
	ErrRange = errors.New("range not satisfiable")
	// ErrTooLarge: more bytes than this package reads or writes in one piece.
	ErrTooLarge = errors.New("too large")
	// ErrExists: PutNew found something under its key.
	ErrExists = errors.New("exists already")
	// ErrKey: an empty key, an absolute one, or one with "..", control or non-ASCII characters.
	ErrKey = errors.New("not a valid key")
)

const (
	// MaxObjectBytes is the most that is read or written in one piece.
	MaxObjectBytes = 64 << 20
	maxKey         = 512
)

// checkKey refuses keys that could mean another path to a proxy, a file system or a shell.
func checkKey(key string) error {
	bad := key == "" || len(key) > maxKey || strings.HasPrefix(key, "/") || strings.HasSuffix(key, "/")
	for part := range strings.SplitSeq(key, "/") {
		bad = bad || part == "" || part == "." || part == ".."
	}
	for i := 0; i < len(key); i++ {
		c := key[i]
		bad = bad || !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '-' || c == '_' || c == '.' || c == '/' || c == '=')
	}
	if bad {
		return fmt.Errorf("%q: %w", key, ErrKey)
	}
	return nil
}
