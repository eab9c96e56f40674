package core_test

import (
	"crypto/rand"
	"fmt"
	"path/filepath"
	"testing"

	"meridian/core"
)

// BenchmarkApplyAdjust is what a replica does for an adjustment, in entries of 1,024; checkpoints run beside it.
func BenchmarkApplyAdjust(b *testing.B) {
	for name, skus := range map[string]int{"hot": 1, "uniform": 10_000} {
		b.Run(name, func(b *testing.B) {
			m, err := core.OpenMachine(core.MachineConfig{Path: filepath.Join(b.TempDir(), "state.db"), InitialMmapSize: 1 << 32})
			if err != nil {
				b.Fatal(err)
			}
			defer m.Close()
			index := uint64(1)
			for from := 0; from < skus; from += 500 {
				of := map[string][]string{}
				var handles []string
				for i := from; i < min(from+500, skus); i++ {
					h := fmt.Sprintf("p-%d", i)
					of[h], handles = []string{fmt.Sprintf("SKU-%05d", i)}, append(handles, h)
				}
				m.Apply(index, 1, core.Header(1_700_000_000_000, 0, 0), [][]byte{core.PutProducts(of, handles...)})
				index++
			}
			b.ResetTimer()
			for n := 0; n < b.N; n += 1024 {
				b.StopTimer()
				commands := make([][]byte, 1024)
				for i := range commands {
					var id [16]byte
					rand.Read(id[:])
					commands[i] = core.Adjust(id, fmt.Sprintf("SKU-%05d", (int(id[3])<<8|int(id[5]))%skus), 1)
				}
				b.StartTimer()
				m.Apply(index, 1, core.Header(1_700_000_000_000, 0, 0), commands)
				index++
			}
		})
	}
}
