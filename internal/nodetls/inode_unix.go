//go:build unix

package nodetls

import (
	"io/fs"
	"syscall"
)

// inode tells a file from another that took its name within the clock's resolution.
func inode(i fs.FileInfo) uint64 {
	if s, ok := i.Sys().(*syscall.Stat_t); ok {
		return uint64(s.Ino)
	}
	return 0
}
