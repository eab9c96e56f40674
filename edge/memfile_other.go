//go:build !linux

package edge

import "errors"

var errNoMemfiles = errors.New("this system has no files in memory")

// memfile is never made here: bodies are sent from the cache.
type memfile struct{}

func newMemfile([]byte, func()) (*memfile, error) { return nil, errNoMemfiles }

func sendFile(int, *[]byte, *memfile, *int64, int) (bool, error) { return false, errNoMemfiles }
