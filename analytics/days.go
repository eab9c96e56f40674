package analytics

import (
	"slices"
	"strings"
	"time"
)

// days are dates, as midnights in UTC, in order and each once.
type days []time.Time

func dayOf(t time.Time) time.Time { return t.UTC().Truncate(aDay) }

// dateOf is the day that a Date column names; the driver gives it as a midnight in the server's time zone.
func dateOf(t time.Time) time.Time {
	return time.Date(t.Year(), t.Month(), t.Day(), 0, 0, 0, 0, time.UTC)
}

func (d days) has(day time.Time) bool {
	_, ok := slices.BinarySearchFunc(d, day, time.Time.Compare)
	return ok
}

// list writes days for IN, which must not be empty.
func (d days) list() string {
	if len(d) == 0 {
		return "'1970-01-01'"
	}
	var b strings.Builder
	for i, day := range d {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(day.Format("'" + time.DateOnly + "'"))
	}
	return b.String()
}

// stored are the days on which events of these days may have been stored.
func (d days) stored() days {
	var all days
	for _, day := range d {
		for n := -1; n <= lateDays; n++ {
			all = append(all, day.AddDate(0, 0, n))
		}
	}
	slices.SortFunc(all, time.Time.Compare)
	return slices.CompactFunc(all, time.Time.Equal)
}
