package core

import (
	"fmt"
	"path/filepath"
	"syscall"
	"testing"
)

// BenchmarkPurchase is what a purchase costs a replica: its four commands applied, and its share of the
// checkpoints. "go test -bench Purchase -run ^$ ./core".
func BenchmarkPurchase(b *testing.B) {
	m, err := OpenMachine(MachineConfig{Path: filepath.Join(b.TempDir(), "state.db"), InitialMmapSize: 1 << 30})
	if err != nil {
		b.Fatal(err)
	}
	defer m.Close()
	index := uint64(0)
	apply := func(t commandType, k keying, body any) any {
		index++
		r := m.Apply(index, 1, header{Rules: rulesNow, NowMS: int64(index)}.encode(), [][]byte{must(encodeCommand(t, k, body))})
		if res := r[0].(result); res.err != nil {
			b.Fatal(res.err)
		}
		return r[0].(result).value
	}
	products := putProductsCmd{Stock: map[string]int64{}}
	for i := range 100 {
		p := productRec{Handle: fmt.Sprintf("thing-%d", i), Title: "A thing", Variants: []variantRec{{SKU: fmt.Sprintf("T-%d", i), Prices: map[string]int64{"EUR": 1999}}}}
		products.Products = append(products.Products, p)
		products.Stock[p.Variants[0].SKU] = 1_000_000
	}
	apply(cmdPutProducts, keying{}, products)
	n := 0
	spent := processorTime(b)
	for b.Loop() {
		n++
		cart, order := fmt.Sprintf("c1-%s", newID(16)), fmt.Sprintf("o1-%s", newID(10))
		edgeKey := func() keying { return keying{"anonymous", "edge edge-eu " + newID(16), newID(20)} }
		apply(cmdCreateCart, edgeKey(), createCartCmd{ID: cart, Currency: "EUR", Country: "DE"})
		apply(cmdPutLine, edgeKey(), putLineCmd{Cart: cart, SKU: fmt.Sprintf("T-%d", n%100), Quantity: 1})
		apply(cmdReserve, keying{"cart:" + cart, "buy", newID(20)}, reserveCmd{Cart: cart, Order: order, Secret: newID(16), Country: "DE", Method: "standard",
			Provider: "sandbox", Person: "o:" + order, Wrapped: make([]byte, 77), Contact: make([]byte, 300)})
		apply(cmdCommit, keying{}, commitCmd{Order: order, Attempt: 1, Charge: "ch_000000001"})
	}
	b.ReportMetric(float64(processorTime(b)-spent)/float64(n), "cpu-ns/op")
}

// processorTime is what this process has used so far, in nanoseconds: unlike the time on the wall it means
// something on a busy machine.
func processorTime(b *testing.B) int64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
