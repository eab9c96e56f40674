package report

import (
	"fmt"
	"math"
	"strings"
)

// Line is a row of the table.
type Line struct {
	Group, Title string
	// Cells are the medians of this system's own figure and of the other's; Of is their unit, empty: /s.
	Cells []float64
	Of    string
	// Rounds is the value in each round, in Unit; Value is what is held to the goal, their median.
	Rounds []float64
	Value  float64
	Unit   string
	Goal   Goal
}

// Verdict is that of the goal.
func (l Line) Verdict() string { return l.Goal.Verdict(l.Value) }

// columns of the table for people.
var columns = []string{"what", "this", "against", "median", "least", "most", "goal", ""}

func (l Line) fields() []string {
	of := l.Of
	if of == "" {
		of = "/s"
	}
	this, against := "", ""
	if len(l.Cells) > 0 {
		this = Amount(l.Cells[0], of)
	}
	if len(l.Cells) > 1 {
		against = Amount(l.Cells[1], of)
	}
	least, most := math.NaN(), math.NaN()
	for i, v := range l.Rounds {
		if i == 0 {
			least, most = v, v
		}
		least, most = min(least, v), max(most, v)
	}
	return []string{l.Title, this, against, Amount(l.Value, l.Unit), Amount(least, l.Unit), Amount(most, l.Unit), l.Goal.Text(l.Unit), l.Verdict()}
}

// Table is a Markdown table of anything.
func Table(head []string, rows [][]string) string {
	var b strings.Builder
	b.WriteString("| " + strings.Join(head, " | ") + " |\n|" + strings.Repeat(" --- |", len(head)) + "\n")
	for _, r := range rows {
		b.WriteString("| " + strings.Join(r, " | ") + " |\n")
	}
	return b.String()
}

// Markdown is the table for people.
func Markdown(ls []Line) string {
	var rows [][]string
	for _, l := range ls {
		rows = append(rows, l.fields())
	}
	return Table(columns, rows)
}

// TSV is the same for programs, every round with its exact value.
func TSV(ls []Line) string {
	var b strings.Builder
	b.WriteString("group\twhat\tthis\tagainst\tvalue\tunit\tgoal\tverdict\trounds\n")
	for _, l := range ls {
		cell := func(i int) string {
			if i < len(l.Cells) {
				return fmt.Sprintf("%g", l.Cells[i])
			}
			return ""
		}
		var rounds []string
		for _, v := range l.Rounds {
			rounds = append(rounds, fmt.Sprintf("%g", v))
		}
		fmt.Fprintf(&b, "%s\t%s\t%s\t%s\t%g\t%s\t%s\t%s\t%s\n", l.Group, l.Title, cell(0), cell(1), l.Value, l.Unit, l.Goal.Text(l.Unit), l.Verdict(), strings.Join(rounds, " "))
	}
	return b.String()
}
