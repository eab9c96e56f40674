package sim

import "os"

// scratch makes a directory for state files: in memory where the system has such a place, since power
// cuts are made from images and a real fsync would only take time.
func scratch() (string, error) {
	const shm = "/dev/shm"
	if info, err := os.Stat(shm); err == nil && info.IsDir() {
		if dir, err := os.MkdirTemp(shm, "meridian-sim-"); err == nil {
			return dir, nil
		}
	}
	return os.MkdirTemp("", "meridian-sim-")
}
