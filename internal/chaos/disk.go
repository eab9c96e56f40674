//go:build linux

package chaos

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// disk is what a core keeps its data on. A mounted one exists only for the thread that mounted it and
// the processes it starts, and is gone with them.
type disk string

const (
	diskFolder disk = ""      // a directory of the machine
	diskSmall  disk = "small" // a tmpfs that can be filled
	diskImage  disk = "image" // ext4 in a file, so that what was not synced can be lost
)

// The sizes: a core's files take some MiB in a round, and raft-wal keeps 64 MiB ready for each of its own.
const (
	smallMiB = 192
	imageMiB = 192
)

// mount prepares the directory on the calling thread, which must be locked and never be used for
// anything else.
func (d disk) mount(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil || d == diskFolder {
		return err
	}
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("make a mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	if d == diskSmall {
		return unix.Mount("tmpfs", dir, "tmpfs", 0, fmt.Sprintf("size=%dm", smallMiB))
	}
	// The image itself is in memory: its file is the disk's platter.
	if err := os.MkdirAll(platter(dir), 0o700); err != nil {
		return err
	}
	if err := unix.Mount("tmpfs", platter(dir), "tmpfs", 0, fmt.Sprintf("size=%dm", 3*imageMiB)); err != nil {
		return err
	}
	f, err := os.Create(image(dir))
	if err != nil {
		return err
	}
	if err := errors.Join(f.Truncate(imageMiB<<20), f.Close()); err != nil {
		return err
	}
	if err := command("mkfs.ext4 -q -F " + image(dir)); err != nil {
		return err
	}
	return mountImage(dir)
}

func platter(dir string) string { return dir + ".platter" }
func image(dir string) string   { return filepath.Join(platter(dir), "disk") }

// mountImage keeps the kernel from writing on its own for ten minutes: what is on the platter is what
// was synced.
func mountImage(dir string) error {
	return command("mount -o loop,commit=600 " + image(dir) + " " + dir)
}

// keepSynced sets aside what is on the platter of a stopped process: what a power cut now would leave.
func keepSynced(pid int, dir string) error {
	at := func(path string) string { return filepath.Join(fmt.Sprintf("/proc/%d/root", pid), path) }
	return command("cp --sparse=always " + at(image(dir)) + " " + at(image(dir)+".synced"))
}

// cutPower gives the disk what keepSynced set aside, on the thread that mounted it; nothing may run on it.
func cutPower(dir string) error {
	if err := unix.Unmount(dir, 0); err != nil {
		return fmt.Errorf("unmount %s: %w", dir, err)
	}
	if err := os.Rename(image(dir)+".synced", image(dir)); err != nil {
		return err
	}
	return mountImage(dir)
}

// fill writes into the disk of a running process until it is full, and answers how to make room again.
func fill(pid int, dir string) (free func() error, err error) {
	f, err := os.OpenFile(filepath.Join(fmt.Sprintf("/proc/%d/root", pid), dir, "ballast"), os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	block := make([]byte, 4<<10)
	for err == nil {
		_, err = f.Write(block)
	}
	free = func() error { return errors.Join(f.Truncate(0), f.Close()) } // the file is held: its path goes with the process
	if !errors.Is(err, unix.ENOSPC) {
		return nil, errors.Join(fmt.Errorf("fill the disk: %w", err), free())
	}
	return free, nil
}
