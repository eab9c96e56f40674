package main

import (
	"testing"
	"time"
)

func TestInOrder(t *testing.T) {
	at := func(ms int, number uint64) *visitor {
		return &visitor{arrived: time.UnixMilli(int64(ms)), number: number}
	}
	for _, c := range []struct {
		name string
		all  []*visitor
		want float64
	}{
		{"nobody", nil, 1},
		{"as they came", []*visitor{at(0, 1), at(300, 2), at(600, 3)}, 1},
		{"turned around, but close to each other", []*visitor{at(0, 2), at(100, 1)}, 1},
		{"turned around", []*visitor{at(0, 3), at(300, 2), at(600, 1)}, 0},
		{"one of three pairs", []*visitor{at(0, 2), at(300, 1), at(600, 3)}, 2. / 3},
		{"without numbers", []*visitor{at(0, 0), at(300, 1), at(600, 2)}, 1},
	} {
		if got := inOrder(c.all, fairAfter); got != c.want {
			t.Errorf("%s: %g, want %g", c.name, got, c.want)
		}
	}
}

func TestPercentile(t *testing.T) {
	if percentile(nil, 99) != 0 || percentile([]time.Duration{3, 1, 2}, 50) != 2 || percentile([]time.Duration{3, 1, 2}, 100) != 3 {
		t.Error("percentiles are wrong")
	}
}
