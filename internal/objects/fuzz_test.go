package objects

import "testing"

func FuzzContentRange(f *testing.F) {
	f.Add("bytes 0-99/1234")
	f.Fuzz(func(t *testing.T, s string) {
		if start, size, err := contentRange(s); err == nil && (start < 0 || start > size) {
			t.Fatalf("%d of %d", start, size)
		}
	})
}
