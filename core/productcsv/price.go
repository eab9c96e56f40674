package productcsv

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// parsePrice reads an amount in major units with a decimal point into minor units. Its errors are
// sentences that follow the name of the column.
func parsePrice(s string) (int64, error) {
	whole, frac, point := strings.Cut(s, ".")
	switch {
	case strings.HasPrefix(s, "-") || strings.HasPrefix(s, "−"):
		return 0, fmt.Errorf("%s is negative; a price is 0.00 or more", quote(s))
	case !digits(whole) || (point && !digits(frac)):
		return 0, fmt.Errorf("%s is not a number with a point, for example %s", quote(s), suggestPrice(s))
	case len(frac) > 2:
		return 0, fmt.Errorf("%s has more than two decimals; give cents, for example %s", quote(s), trimDecimals(whole, frac))
	}
	v, err := strconv.ParseInt(whole+(frac + "00")[:2], 10, 64)
	if err != nil || v > maxMinor {
		return 0, errors.New(quote(s) + " is too large for a price")
	}
	return v, nil
}

func formatPrice(minor int64) string {
	sign := ""
	if minor < 0 {
		sign, minor = "-", -minor
	}
	return fmt.Sprintf("%s%d.%02d", sign, minor/100, minor%100)
}

func digits(s string) bool {
	for i := 0; i < len(s); i++ {
		if s[i] < '0' || s[i] > '9' {
			return false
		}
	}
	return s != ""
}

// suggestPrice guesses what was meant, for the message only: 12,90 and €1.299,00 are common.
func suggestPrice(s string) string {
	i := strings.LastIndexAny(s, ",.")
	whole, frac := s, ""
	if i >= 0 && len(s)-i <= 3 {
		whole, frac = s[:i], s[i+1:]
	}
	keep := func(s string) string {
		return strings.Map(func(r rune) rune {
			if r < '0' || r > '9' {
				return -1
			}
			return r
		}, s)
	}
	whole, frac = keep(whole), keep(frac)
	if whole == "" || len(whole) > 9 {
		return "12.90"
	}
	return whole + "." + (frac + "00")[:2]
}

func trimDecimals(whole, frac string) string { return whole + "." + frac[:2] }

// quote shortens a value for a message.
func quote(s string) string {
	r := []rune(s)
	if len(r) > 40 {
		return string(r[:40]) + "…"
	}
	return s
}

// twoDecimals reports whether an ISO 4217 currency is counted in hundredths.
func twoDecimals(c string) bool {
	switch c {
	case "BIF", "CLP", "DJF", "GNF", "ISK", "JPY", "KMF", "KRW", "PYG", "RWF", "UGX", "UYI", "VND", "VUV", "XAF", "XOF", "XPF",
		"BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND", "CLF", "UYW":
		return false
	}
	return true
}

func isCurrency(s string) bool {
	return len(s) == 3 && strings.IndexFunc(s, func(r rune) bool { return r < 'A' || r > 'Z' }) < 0
}
