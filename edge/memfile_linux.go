package edge

import (
	"errors"
	"os"
	"runtime"
	"syscall"

	"golang.org/x/sys/unix"
)

var errNoMemfiles = errors.New("this system has no files in memory")

// memfile is a file in memory (memfd_create(2)). It is written once, since what is being sent are its pages themselves. It
// is closed when nobody has it any more.
type memfile struct{ fd int }

func newMemfile(body []byte, closed func()) (*memfile, error) {
	fd, err := unix.MemfdCreate("page", unix.MFD_CLOEXEC|unix.MFD_NOEXEC_SEAL)
	if errors.Is(err, syscall.EINVAL) { // Linux before 6.3
		fd, err = unix.MemfdCreate("page", unix.MFD_CLOEXEC)
	}
	if errors.Is(err, syscall.ENOSYS) || errors.Is(err, syscall.EPERM) {
		return nil, errNoMemfiles
	}
	if err != nil {
		return nil, os.NewSyscallError("memfd_create", err)
	}
	for rest := body; len(rest) > 0; {
		n, err := unix.Write(fd, rest)
		if err != nil {
			_ = unix.Close(fd)
			return nil, os.NewSyscallError("write", err)
		}
		rest = rest[n:]
	}
	f := &memfile{fd}
	runtime.AddCleanup(f, func(fd int) {
		_ = unix.Close(fd)
		closed()
	}, fd)
	return f, nil
}

// sendFile sends a head and then a file, as far as a socket takes them; done says that nothing is left.
func sendFile(socket int, head *[]byte, f *memfile, from *int64, size int) (done bool, err error) {
	for len(*head) > 0 {
		n, err := unix.SendmsgN(socket, *head, nil, nil, unix.MSG_MORE|unix.MSG_NOSIGNAL)
		if err != nil {
			return retried(err)
		}
		*head = (*head)[n:]
	}
	for *from < int64(size) {
		n, err := unix.Sendfile(socket, f.fd, from, size-int(*from))
		if err != nil {
			return retried(err)
		}
		if n == 0 {
			return false, errors.New("sendfile: the file is shorter than it was")
		}
	}
	runtime.KeepAlive(f)
	return true, nil
}

// retried is nil where a system call is to be made again when the socket is ready.
func retried(err error) (done bool, e error) {
	if errors.Is(err, syscall.EAGAIN) || errors.Is(err, syscall.EINTR) {
		return false, nil
	}
	return false, err
}
