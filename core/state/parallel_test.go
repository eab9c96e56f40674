package state

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"testing"
)

// TestEveryRowIsReadAtStart reads tables whose keys are spread in different ways in ranges side by side.
func TestEveryRowIsReadAtStart(t *testing.T) {
	r := rand.New(rand.NewPCG(seed(t), 0))
	for name, key := range map[string]func(i int) string{
		"none":           nil,
		"one":            func(int) string { return "only" },
		"numbered":       func(i int) string { return fmt.Sprintf("SKU-%07d", i) },
		"words":          func(i int) string { return []string{"a", "amber", "birch-cup", "zinc"}[i%4] + fmt.Sprint(i) },
		"bytes":          func(int) string { return string([]byte{byte(r.Uint32()), byte(r.Uint32()), byte(r.Uint32())}) },
		"one in another": func(i int) string { return "aaaaaaaaaaaaaaaaaaaaaaaaaaaa"[:1+i%28] },
		"far apart":      func(i int) string { return []string{"\x00", "\xff\xff\xff\xff\xff\xff\xff\xff\xff"}[i%2] },
		"neighbours":     func(i int) string { return "aaaaaaaa" + string([]byte{byte(i)}) },
	} {
		t.Run(name, func(t *testing.T) {
			path := newPath(t)
			s := open(t, path)
			want := map[string]string{}
			s.Update(1, 1, func() {
				for i := range 3000 {
					if key != nil {
						k := key(i)
						want[k] = fmt.Sprint(i)
						s.hot.Put(k, want[k])
					}
				}
			})
			hash := s.Hash()
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = open(t, path)
			var keys []string
			s.View(func() {
				s.hot.Ascend("", func(k, v string) bool {
					if v != want[k] {
						t.Errorf("%q is %q, want %q", k, v, want[k])
					}
					keys = append(keys, k)
					return true
				})
			})
			if len(keys) != len(want) || !slices.IsSorted(keys) || s.Hash() != hash {
				t.Errorf("%d rows of %d, in order: %v", len(keys), len(want), slices.IsSorted(keys))
			}
			verify(t, s)
		})
	}
}
