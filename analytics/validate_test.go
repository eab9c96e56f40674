package analytics

import (
	"regexp"
	"testing"
)

// TestForms: the loops take what these expressions take.
func TestForms(t *testing.T) {
	forms := map[*regexp.Regexp]func(string) bool{
		regexp.MustCompile(`^[a-z0-9]+(-+[a-z0-9]+)*$`):      isHandle,
		regexp.MustCompile(`^[A-Z]{3}$`):                     isCurrency,
		regexp.MustCompile(`^[\x21-\x7e]+$`):                 isOpaque,
		regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9_.:+-]*$`): isWord,
	}
	letters := []string{"a", "z", "A", "Z", "0", "9", "-", "_", ".", ":", "+", " ", "~", "\x7f", "\n", "é", "!"}
	for expression, form := range forms {
		for _, a := range letters {
			for _, b := range append(letters, "") {
				for _, c := range append(letters, "") {
					for _, s := range []string{a, a + b, a + b + c, a + "-" + b + "-" + c} {
						if form(s) != expression.MatchString(s) {
							t.Fatalf("%q: %v, but %v", s, form(s), expression)
						}
					}
				}
			}
		}
	}
}
