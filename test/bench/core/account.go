package main

import (
	"fmt"
	"os"
	"os/user"
	"strconv"
)

// account is who a peer runs as when it refuses to run as root.
type account struct{ uid, gid uint32 }

// unprivileged is nil when this program is not root itself.
func unprivileged(names ...string) (*account, error) {
	if os.Getuid() != 0 {
		return nil, nil
	}
	for _, name := range names {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.ParseUint(u.Uid, 10, 32)
		gid, err2 := strconv.ParseUint(u.Gid, 10, 32)
		if err1 == nil && err2 == nil {
			return &account{uint32(uid), uint32(gid)}, nil
		}
	}
	return nil, fmt.Errorf("there is none of the accounts %v, and PostgreSQL does not run as root", names)
}

// own hands a directory over.
func (a *account) own(dir string) error {
	if a == nil {
		return nil
	}
	return os.Chown(dir, int(a.uid), int(a.gid))
}
