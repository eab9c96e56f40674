package process

import (
	"os"
	"testing"
)

// What a process touches shows.
func TestResident(t *testing.T) {
	before, err := Resident(os.Getpid())
	if err != nil || before < 1<<20 {
		t.Fatalf("%d bytes, %v", before, err)
	}
	const more = 64 << 20
	held := make([]byte, more)
	for i := 0; i < len(held); i += 4096 {
		held[i] = 1
	}
	after, err := Resident(os.Getpid())
	if err != nil || after-before < more*9/10 {
		t.Errorf("%d bytes more show as %d, %v", more, after-before, err)
	}
	if held[0] != 1 {
		t.Error("the memory is gone")
	}
	if _, err := Resident(1 << 30); err == nil {
		t.Error("a process that there is not has memory")
	}
}
