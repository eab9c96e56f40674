package edge

import (
	"net/url"
	"slices"
	"strings"
	"time"

	"meridian/web"
)

const (
	grainHour, grainDay = "hour", "day"
	// hourlyDays is up to how many days are shown by the hour where nothing is said.
	hourlyDays = 2
	// aDay is the length of a day in UTC.
	aDay = 24 * time.Hour
)

// analyticsQuery is what the page's address says.
type analyticsQuery struct {
	first, last           time.Time // days, both in the period
	grain, region, device string
	compare               bool
}

// readAnalytics reads the address. What cannot be is put right, since people edit addresses: a page of reports is no place for errors.
func readAnalytics(q map[string][]string, now time.Time) (a analyticsQuery) {
	today := now.UTC().Truncate(aDay)
	day := func(name string, otherwise time.Time) time.Time {
		if t, err := time.Parse(time.DateOnly, first(q, name)); err == nil && t.Year() >= 2000 && !t.After(today) {
			return t
		}
		return otherwise
	}
	a.last = day("last", today)
	a.first = day("first", a.last.Add(-defaultSpan+aDay))
	if a.first.After(a.last) {
		a.first, a.last = a.last, a.first
	}
	if earliest := a.last.Add(aDay - reportSpan); a.first.Before(earliest) {
		a.first = earliest
	}
	a.grain = first(q, "grain")
	if !slices.Contains(reportIntervals[1:], a.grain) || a.grain == grainHour && a.days() > 92 {
		a.grain = grainDay
		if a.days() <= hourlyDays {
			a.grain = grainHour
		}
	}
	if d := first(q, "device"); slices.Contains(reportDevices, d) {
		a.device = d
	}
	if r := first(q, "region"); len(r) <= maxRegion && strings.ToValidUTF8(r, "") == r {
		a.region = r
	}
	a.compare = first(q, "compare") == "1"
	return a
}

func (a analyticsQuery) days() int { return int(a.last.Sub(a.first)/aDay) + 1 }

func (a analyticsQuery) report() ReportQuery {
	return ReportQuery{From: a.first, To: a.last.Add(aDay), Interval: a.grain, Region: a.region, Device: a.device}
}

// with is the page's address with some parameters changed; an empty value leaves one out.
func (a analyticsQuery) with(change map[string]string) string {
	q := url.Values{"first": {a.first.Format(time.DateOnly)}, "last": {a.last.Format(time.DateOnly)}, "grain": {a.grain}, "region": {a.region}, "device": {a.device}}
	if a.compare {
		q.Set("compare", "1")
	}
	for k, v := range change {
		q.Set(k, v)
	}
	for k := range q {
		if q.Get(k) == "" {
			q.Del(k)
		}
	}
	return "/admin/analytics?" + q.Encode()
}

// csv is where a report's file is, for the same period and filters.
func (a analyticsQuery) csv(report string) string {
	q := url.Values{"from": {a.first.Format(time.DateOnly)}, "to": {a.last.Add(aDay).Format(time.DateOnly)}, "interval": {a.grain}, "format": {"csv"}}
	if a.region != "" {
		q.Set("region", a.region)
	}
	if a.device != "" {
		q.Set("device", a.device)
	}
	if a.compare {
		q.Set("compare", "1")
	}
	return "/admin/api/v1/analytics/" + report + "?" + q.Encode()
}

func filters(q analyticsQuery, now time.Time) web.Filters {
	today := now.UTC().Truncate(aDay)
	f := web.Filters{First: q.first.Format(time.DateOnly), Last: q.last.Format(time.DateOnly), Today: today.Format(time.DateOnly), Compare: q.compare,
		Grains:  choices(q.grain, "hour", "Hour", "day", "Day", "week", "Week", "month", "Month"),
		Devices: choices(q.device, "", "All", "desktop", "Desktop", "mobile", "Mobile", "tablet", "Tablet"),
		Regions: choices(q.region, "", "All")}
	if q.region != "" {
		f.Regions = choices(q.region, "", "All", q.region, q.region)
	}
	for _, p := range []struct {
		label string
		days  int
	}{{"Today", 1}, {"7 days", 7}, {"30 days", 30}, {"90 days", 90}} {
		from := today.AddDate(0, 0, 1-p.days)
		f.Presets = append(f.Presets, web.Link{Label: p.label, Href: q.with(map[string]string{"first": from.Format(time.DateOnly), "last": today.Format(time.DateOnly), "grain": ""}),
			Current: from.Equal(q.first) && today.Equal(q.last)})
	}
	if q.region != "" {
		f.Chosen = append(f.Chosen, web.Link{Label: "Region " + q.region, Href: q.with(map[string]string{"region": ""})})
	}
	if q.device != "" {
		f.Chosen = append(f.Chosen, web.Link{Label: titled(q.device), Href: q.with(map[string]string{"device": ""})})
	}
	return f
}

func choices(chosen string, pairs ...string) (list []web.Choice) {
	for i := 0; i+1 < len(pairs); i += 2 {
		list = append(list, web.Choice{Value: pairs[i], Label: pairs[i+1], Selected: pairs[i] == chosen})
	}
	return list
}

// regionChoices are the regions that the period knows, and the one that is chosen.
func regionChoices(audience *ReportTable, chosen string) []web.Choice {
	all := []string{chosen}
	for _, row := range audience.Rows {
		all = append(all, audience.text(row, "region"))
	}
	slices.Sort(all)
	pairs := []string{"", "All"}
	for _, r := range slices.Compact(all) {
		if r != "" {
			pairs = append(pairs, r, r)
		}
	}
	return choices(chosen, pairs...)
}
