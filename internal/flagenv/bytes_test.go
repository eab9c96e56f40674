package flagenv

import "testing"

func TestBytes(t *testing.T) {
	for text, want := range map[string]Bytes{"4096": 4096, "2KiB": 2048, "128MiB": 128 << 20, "1GiB": 1 << 30} {
		var b Bytes
		if err := b.Set(text); err != nil || b != want {
			t.Errorf("%s: %d %v", text, b, err)
		}
		var again Bytes
		if err := again.Set(b.String()); err != nil || again != b {
			t.Errorf("%s is written %s, which is %d, %v", text, b.String(), again, err)
		}
	}
	for _, bad := range []string{"", "lots", "-5MiB", "99999999999GiB", "1.5GiB"} {
		var b Bytes
		if err := b.Set(bad); err == nil {
			t.Errorf("%q became %d", bad, b)
		}
	}
}
