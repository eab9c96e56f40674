package flagenv

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Bytes is a flag.Value for a number of bytes as people write it: 128MiB, 1GiB, 4096.
type Bytes int64

// String implements flag.Value.
func (b Bytes) String() string {
	for _, u := range units {
		if u.size > 1 && b > 0 && int64(b)%u.size == 0 {
			return strconv.FormatInt(int64(b)/u.size, 10) + u.name
		}
	}
	return strconv.FormatInt(int64(b), 10)
}

// Set implements flag.Value.
func (b *Bytes) Set(s string) error {
	for _, u := range units {
		digits, ok := strings.CutSuffix(s, u.name)
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(digits, 10, 64)
		if err != nil || n < 0 || n > math.MaxInt64/u.size {
			break
		}
		*b = Bytes(n * u.size)
		return nil
	}
	return fmt.Errorf("give a size such as 128MiB or 1GiB")
}

// units are the suffixes of sizes, longest first; the empty one comes last.
var units = []struct {
	name string
	size int64
}{{"GiB", 1 << 30}, {"MiB", 1 << 20}, {"KiB", 1 << 10}, {"", 1}}
