package process

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
)

// Find looks a program up in the directories where distributions put it, then in the path.
func Find(name, install string, dirs ...string) (string, error) {
	for _, d := range dirs {
		if path := d + "/" + name; executable(path) {
			return path, nil
		}
	}
	if path, err := exec.LookPath(name); err == nil {
		return path, nil
	}
	return "", fmt.Errorf("%s is missing: %s", name, install)
}

func executable(path string) bool {
	st, err := os.Stat(path)
	return err == nil && !st.IsDir() && st.Mode()&0o111 != 0
}

// FirstLine runs a program for what it says of itself.
func FirstLine(path string, args ...string) string {
	out, err := exec.Command(path, args...).Output()
	if err != nil {
		return path + ": " + err.Error()
	}
	line, _, _ := strings.Cut(string(out), "\n")
	return line
}
