package sandbox

import (
	"bufio"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"sync"
)

// The file starts with the magic and a version byte. A record is its payload's length and CRC-32C,
// both little endian, then the payload.
const (
	ledgerMagic   = "MRDNPAY"
	ledgerVersion = 1
	headerBytes   = len(ledgerMagic) + 1
	frameBytes    = 8
	// MaxRecordBytes is the longest payload; a longer length is damage.
	MaxRecordBytes = 64 << 10
	// maxPendingBytes bounds what waits for the disk; Append blocks beyond it.
	maxPendingBytes = 4 << 20
)

// ErrLedger says that the ledger cannot be written any more. The process has to stop: an fsync that
// failed once is never repeated, because the system may have dropped the pages it could not write.
var ErrLedger = errors.New("the ledger cannot be written")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Ledger is an append-only file of records. Records that wait together share one fsync.
type Ledger struct {
	file *os.File

	mu      sync.Mutex
	changed *sync.Cond // broadcast when pending, durable, err or closing changes
	pending []byte
	last    uint64 // sequence of the newest record
	durable uint64 // sequence of the newest record that is on disk
	err     error
	closing bool

	failed chan struct{}
	done   chan struct{}
}

// OpenLedger opens or creates the file, gives each payload to replay in order, and cuts a torn tail
// off. It returns how many bytes were cut.
func OpenLedger(path string, replay func(payload []byte) error) (*Ledger, int64, error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return nil, 0, err
	}
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, 0, err
	}
	cut, err := recoverLedger(file, replay)
	if err != nil {
		file.Close()
		return nil, 0, fmt.Errorf("ledger %s: %w", path, err)
	}
	if err := syncDir(filepath.Dir(path)); err != nil {
		file.Close()
		return nil, 0, err
	}
	l := &Ledger{file: file, failed: make(chan struct{}), done: make(chan struct{})}
	l.changed = sync.NewCond(&l.mu)
	go l.write()
	return l, cut, nil
}

func recoverLedger(file *os.File, replay func([]byte) error) (cut int64, err error) {
	info, err := file.Stat()
	if err != nil {
		return 0, err
	}
	if info.Size() < int64(headerBytes) {
		// Nothing was ever acknowledged out of a file without its header.
		if err := file.Truncate(0); err != nil {
			return 0, err
		}
		if _, err := file.WriteAt(append([]byte(ledgerMagic), ledgerVersion), 0); err != nil {
			return 0, err
		}
		_, err := file.Seek(int64(headerBytes), io.SeekStart)
		return info.Size(), errors.Join(err, file.Sync())
	}
	good, err := Decode(bufio.NewReaderSize(file, 1<<20), replay)
	if err != nil {
		return 0, err
	}
	if cut = info.Size() - good; cut > 0 {
		if err := errors.Join(file.Truncate(good), file.Sync()); err != nil {
			return 0, err
		}
	}
	_, err = file.Seek(good, io.SeekStart)
	return cut, err
}

// Decode reads a ledger up to its end or its first damaged record, and returns the length of the
// good part. The error is replay's, the reader's, or that this is no ledger.
func Decode(r io.Reader, replay func(payload []byte) error) (good int64, err error) {
	head := make([]byte, headerBytes)
	if _, err := io.ReadFull(r, head); err != nil {
		return 0, fmt.Errorf("no header: %w", err)
	}
	if string(head[:len(ledgerMagic)]) != ledgerMagic {
		return 0, errors.New("this is no payment ledger")
	}
	if v := head[len(ledgerMagic)]; v != ledgerVersion {
		return 0, fmt.Errorf("format version %d is not known to this program; start the newer one", v)
	}
	good = int64(headerBytes)
	frame := make([]byte, frameBytes)
	for {
		if _, err := io.ReadFull(r, frame); err != nil {
			return good, tornOrFailed(err)
		}
		size := binary.LittleEndian.Uint32(frame)
		if size == 0 || size > MaxRecordBytes {
			return good, nil
		}
		payload := make([]byte, size)
		if _, err := io.ReadFull(r, payload); err != nil {
			return good, tornOrFailed(err)
		}
		if crc32.Checksum(payload, castagnoli) != binary.LittleEndian.Uint32(frame[4:]) {
			return good, nil
		}
		if err := replay(payload); err != nil {
			return good, err
		}
		good += frameBytes + int64(size)
	}
}

func tornOrFailed(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// Append queues a record and returns its sequence. The caller serialises calls, so that the order on
// disk is the order in which it changed its own state.
func (l *Ledger) Append(payload []byte) uint64 {
	if len(payload) == 0 || len(payload) > MaxRecordBytes {
		panic(fmt.Sprintf("sandbox: a ledger record of %d bytes", len(payload)))
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	for len(l.pending) > maxPendingBytes && l.err == nil && !l.closing {
		l.changed.Wait()
	}
	l.pending = binary.LittleEndian.AppendUint32(l.pending, uint32(len(payload)))
	l.pending = binary.LittleEndian.AppendUint32(l.pending, crc32.Checksum(payload, castagnoli))
	l.pending = append(l.pending, payload...)
	l.last++
	l.changed.Broadcast()
	return l.last
}

// Last is the sequence of the newest record.
func (l *Ledger) Last() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.last
}

// Wait returns when everything up to seq is on disk.
func (l *Ledger) Wait(ctx context.Context, seq uint64) error {
	stop := context.AfterFunc(ctx, func() {
		l.mu.Lock()
		l.changed.Broadcast()
		l.mu.Unlock()
	})
	defer stop()
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.durable < seq && l.err == nil && ctx.Err() == nil {
		l.changed.Wait()
	}
	switch {
	case l.durable >= seq:
		return nil
	case l.err != nil:
		return l.err
	}
	return ctx.Err()
}

// Failed is closed when the ledger cannot be written any more.
func (l *Ledger) Failed() <-chan struct{} { return l.failed }

// Close writes what is queued and waits for it.
func (l *Ledger) Close() error {
	l.mu.Lock()
	l.closing = true
	l.changed.Broadcast()
	l.mu.Unlock()
	<-l.done
	return errors.Join(l.err, l.file.Close())
}

func (l *Ledger) write() {
	defer close(l.done)
	var batch []byte
	for {
		l.mu.Lock()
		for len(l.pending) == 0 && !l.closing {
			l.changed.Wait()
		}
		if len(l.pending) == 0 {
			l.mu.Unlock()
			return
		}
		batch, l.pending = l.pending, batch[:0]
		upTo := l.last
		l.mu.Unlock()

		_, err := l.file.Write(batch)
		if err == nil {
			err = l.file.Sync()
		}

		l.mu.Lock()
		if err != nil {
			l.err = fmt.Errorf("%w: %w", ErrLedger, err)
			close(l.failed)
		} else {
			l.durable = upTo
		}
		l.changed.Broadcast()
		l.mu.Unlock()
		if err != nil {
			return
		}
	}
}

func syncDir(dir string) error {
	d, err := os.Open(dir)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}
