package report

import (
	"math"
	"testing"
)

func TestMedian(t *testing.T) {
	for _, c := range []struct {
		values []float64
		want   float64
	}{
		{[]float64{7}, 7},
		{[]float64{3, 1, 2}, 2},
		{[]float64{4, 1, 3, 2}, 2.5},
		{[]float64{1, 1, 100, 1}, 1},
	} {
		in := append([]float64{}, c.values...)
		if got := Median(c.values); got != c.want {
			t.Errorf("median of %v is %v, want %v", c.values, got, c.want)
		}
		for i := range in {
			if in[i] != c.values[i] {
				t.Fatalf("median changed its input: %v", c.values)
			}
		}
	}
	if got := Median(nil); !math.IsNaN(got) {
		t.Errorf("median of nothing is %v", got)
	}
}

func TestGoal(t *testing.T) {
	for _, c := range []struct {
		goal Goal
		v    float64
		want string
	}{
		{AtLeast(30), 30, "ok"}, {AtLeast(30), 29.9, "SHORT"}, {AtMost(0.05), 0.05, "ok"}, {AtMost(0.05), 0.051, "SHORT"},
		{Shown(), 1, ""}, {AtLeast(1), math.NaN(), "not measured"}, {AtMost(1), math.NaN(), "not measured"},
	} {
		if got := c.goal.Verdict(c.v); got != c.want {
			t.Errorf("%+v of %v is %q, want %q", c.goal, c.v, got, c.want)
		}
	}
}

func TestAmount(t *testing.T) {
	for _, c := range []struct {
		v    float64
		unit string
		want string
	}{
		{1234567.4, "/s", "1,234,567/s"}, {999, "/s", "999/s"}, {0.0312, "×", "0.031×"}, {12.34, "×", "12.3×"}, {0.954, "×", "0.95×"},
		{1.5, "ms", "1.50 ms"}, {2, "trips", "2.00 trips"}, {-1234, "/s", "-1,234/s"}, {0, "/s", "0/s"}, {123.4, "ms", "123 ms"}, {4321.9, "ms", "4,322 ms"},
	} {
		if got := Amount(c.v, c.unit); got != c.want {
			t.Errorf("Amount(%v, %q) is %q, want %q", c.v, c.unit, got, c.want)
		}
	}
}
