package edge

import (
	"bytes"
	"errors"
	"io"
	"sync"

	"github.com/andybalholm/brotli"
	"github.com/klauspost/compress/gzip"
)

// maxScratch bounds the buffers that are used again, in bytes.
const maxScratch = 1 << 20

var scratch = sync.Pool{New: func() any { return new(bytes.Buffer) }}

// written is what fn writes, in a slice of just that size: what is cached is not to keep the room that a buffer grew by.
func written(fn func(io.Writer) error) ([]byte, error) {
	b := scratch.Get().(*bytes.Buffer)
	defer func() {
		if b.Cap() <= maxScratch {
			b.Reset()
			scratch.Put(b)
		}
	}()
	if err := fn(b); err != nil {
		return nil, err
	}
	return bytes.Clone(b.Bytes()), nil
}

// compressor is a writer that can be used again. Its tables are many times the size of a page.
type compressor interface {
	io.WriteCloser
	Reset(io.Writer)
}

// compressors are pools of them by quality.
type compressors struct {
	open  func(quality int) (compressor, error)
	pools [16]sync.Pool
}

var (
	brotlis = compressors{open: func(q int) (compressor, error) { return brotli.NewWriterLevel(nil, q), nil }}
	gzips   = compressors{open: func(q int) (compressor, error) { return gzip.NewWriterLevel(nil, q) }}
)

// compress is a body at a quality.
func (c *compressors) compress(body []byte, quality int) ([]byte, error) {
	w, _ := c.pools[quality].Get().(compressor)
	if w == nil {
		var err error
		if w, err = c.open(quality); err != nil {
			return nil, err
		}
	}
	defer c.pools[quality].Put(w)
	return written(func(to io.Writer) error {
		w.Reset(to)
		_, err := w.Write(body)
		return errors.Join(err, w.Close())
	})
}
