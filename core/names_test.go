package core_test

import (
	"path/filepath"
	"strings"
	"testing"

	"meridian/core"
)

// TestCommandsWithoutNamesStopNobody: a command that names nothing, or more than a table takes, is refused where it is applied.
func TestCommandsWithoutNamesStopNobody(t *testing.T) {
	for _, b := range core.Nameless("", strings.Repeat("n", 5000)) {
		m, err := core.OpenMachine(core.MachineConfig{Path: filepath.Join(t.TempDir(), "s.db"), InitialMmapSize: 1 << 24, Fail: func(err error) { t.Error(err) }})
		if err != nil {
			t.Fatal(err)
		}
		m.Apply(1, 1, core.Header(1, 0, 0), [][]byte{b})
		if err := m.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
