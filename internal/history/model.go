package history

import (
	"fmt"

	"github.com/anishathalye/porcupine"
)

// stockModel is a SKU that does one thing at a time; its state is what is on hand. A checkout takes
// its units when it is committed.
func stockModel() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return int64(0) },
		Step: func(state, input, _ any) (bool, any) {
			ok, next := stepStock(state.(int64), input.(Op))
			return ok, next
		},
		DescribeOperation: describe,
		DescribeState:     func(s any) string { return fmt.Sprint(s) },
	}
}

func stepStock(onHand int64, op Op) (bool, int64) {
	next := onHand
	switch op.Action {
	case Adjust:
		next += op.Arg
	case Sell:
		next -= op.Arg
	case Set:
		next = op.Arg
	}
	switch {
	case op.Outcome == Refused: // only what would have gone below zero
		return next < 0, onHand
	case next < 0: // an open one that found too little changed nothing
		return op.Outcome == Open, onHand
	case op.Outcome == Open, op.Action == Sell: // a sale does not say what is left
		return true, next
	}
	return op.OnHand == next, next
}

// The states of an order in its model.
const (
	unknownOrder = ""
	paidOrder    = "paid"
	sentOrder    = "fulfilled"
)

// orderModel is an order that is placed once and sent once.
func orderModel() porcupine.Model {
	return porcupine.Model{
		Init: func() any { return unknownOrder },
		Step: func(state, input, _ any) (bool, any) {
			ok, next := stepOrder(state.(string), input.(Op))
			return ok, next
		},
		DescribeOperation: describe,
		DescribeState:     func(s any) string { return fmt.Sprintf("%q", s) },
	}
}

func stepOrder(status string, op Op) (bool, string) {
	from, to := status, status
	switch op.Action {
	case Place:
		from, to = unknownOrder, paidOrder
	case Fulfil:
		from, to = paidOrder, sentOrder
	case Look:
		return op.Status == status, status
	}
	possible := status == from
	switch op.Outcome {
	case Refused:
		return !possible, status
	case Open:
		if !possible {
			return true, status
		}
		return true, to
	}
	return possible, to
}

func describe(input, _ any) string {
	op := input.(Op)
	text := string(op.Action)
	if op.Arg != 0 {
		text += fmt.Sprintf(" %+d", op.Arg)
	}
	switch {
	case op.Outcome != Done:
		text += " → " + string(op.Outcome)
	case op.Action == Adjust, op.Action == Set, op.Action == Read:
		text += fmt.Sprintf(" → %d on hand", op.OnHand)
	case op.Action == Look:
		text += fmt.Sprintf(" → %q", op.Status)
	}
	if op.Node != "" {
		text += " at " + op.Node
	}
	return text
}
