package recommend

import (
	"fmt"
	"math"
)

// OrderParams are the parameters of the table of what is bought together. DESIGN.md says what they do and where their values come from.
type OrderParams struct {
	Neighbours int     // of each product in the table
	Orders     int     // the newest so many orders with a product count for it
	OrderItems int     // orders of more products than this are left out
	Together   int     // orders with both products that there must be
	Alpha      float64 // how much of the popularity of what was bought is divided out; the rest is the neighbour's
	Shrink     float64 // orders that are added to every product's, against chance
	Length     float64 // the power of an order's number of products that its weight is divided by
	Decay      float64 // over so many times the span of all orders the weight of one falls to 1/e
}

// DefaultOrders are the parameters that the shop uses.
func DefaultOrders() OrderParams {
	return OrderParams{Neighbours: 50, Orders: 300, OrderItems: 50, Together: 2, Alpha: 0.5, Shrink: 5, Length: 0.25, Decay: 1}
}

// Check reports what is wrong with parameters.
func (p OrderParams) Check() error {
	for name, n := range map[string]int{"Neighbours": p.Neighbours, "Orders": p.Orders, "OrderItems": p.OrderItems, "Together": p.Together} {
		if err := checkCount(name, n); err != nil {
			return err
		}
	}
	for name, x := range map[string]float64{"Alpha": p.Alpha, "Shrink": p.Shrink, "Length": p.Length, "Decay": p.Decay} {
		if err := checkFactor(name, x); err != nil {
			return err
		}
	}
	return checkShares(p.Decay, p.Alpha)
}

func checkCount(name string, n int) error {
	if n < 1 || n > 100_000 {
		return fmt.Errorf("recommend: %s is %d; give 1 to 100000", name, n)
	}
	return nil
}

func checkFactor(name string, x float64) error {
	if math.IsNaN(x) || x < 0 || x > 1000 {
		return fmt.Errorf("recommend: %s is %v; give 0 to 1000", name, x)
	}
	return nil
}

func checkShares(decay, alpha float64) error {
	if decay == 0 || alpha > 1 {
		return fmt.Errorf("recommend: Decay is %v and Alpha %v; give more than 0, and at most 1", decay, alpha)
	}
	return nil
}
