package web

func cannedLines() []CartLine {
	return []CartLine{
		{SKU: "MUG-TEAL", Title: "Tidal mug", Variant: "Teal", Href: "/products/tidal-mug", UnitPrice: "€24.00", LineTotal: "€48.00", Quantity: 2, Picture: cannedPicture("mug-teal-1", "Tidal mug")},
		{SKU: "LAMP-1", Title: "Halfmoon table lamp", Href: "/products/halfmoon-lamp", UnitPrice: "€129.00", LineTotal: "€129.00", Quantity: 1, Picture: cannedPicture("lamp-ivory-1", "Halfmoon table lamp")},
	}
}

func cannedCart() Cart {
	return Cart{Layout: cannedPrivate("Your cart"), Lines: cannedLines(), Subtotal: "€177.00", Shipping: "€4.90", Tax: "€29.04", Total: "€181.90",
		FreeFrom: "€23.00", Also: cannedRecommended()}
}

func cannedProblemCart() Cart {
	v := cannedCart()
	v.Problem = true
	v.Lines[0].Problem = "Only 1 left. Lower the quantity to go on."
	v.Lines[1].Problem = "Sold out. Remove it to go on."
	v.Flash, v.FlashKind = "Your cart is up to date.", "good"
	return v
}

func cannedCheckout() Checkout {
	return Checkout{
		Layout: cannedPrivate("Checkout"),
		Countries: []Choice{{Value: "DE", Label: "Germany", Selected: true}, {Value: "FR", Label: "France"},
			{Value: "GB", Label: "United Kingdom"}, {Value: "US", Label: "United States"}},
		Methods: []Choice{
			{Value: "standard", Label: "Standard", Note: "Delivered between Tue 24 and Thu 26 November", Price: "€4.90", Selected: true},
			{Value: "express", Label: "Express", Note: "Delivered on Mon 23 November", Price: "€12.00"},
		},
		Cards: []Choice{{Value: "tok_ok", Label: "Test card that pays"}, {Value: "tok_declined", Label: "Test card that is declined"}, {Value: "tok_slow", Label: "Test card that takes its time"}},
		Key:   "web-CANNED", Version: "7", Lines: cannedLines(), Subtotal: "€177.00", Shipping: "€4.90", Tax: "€29.04", Total: "€181.90",
	}
}

func cannedCheckoutErrors() Checkout {
	v := cannedCheckout()
	v.Email = Field{Value: "ines@", Error: "Write an address such as ines@example.com."}
	v.Name = Field{Value: "Ines Okafor"}
	v.PostalCode = Field{Error: "Say the postal code."}
	v.Line2 = Field{Value: "Third floor"}
	v.Errors = []Link{{Label: "Write an address such as ines@example.com.", Href: "#email"}, {Label: "Say the postal code.", Href: "#postal_code"}}
	return v
}

func cannedDeclined() Checkout {
	v := cannedCheckout()
	v.Email, v.Name, v.Line1 = Field{Value: "ines@example.com"}, Field{Value: "Ines Okafor"}, Field{Value: "Lange Straße 14"}
	v.City, v.PostalCode = Field{Value: "Leipzig"}, Field{Value: "04103"}
	v.Cards[0].Selected, v.Cards[1].Selected = false, true
	v.Refusal = "The payment was declined. You have not been charged and your cart is kept. Try another card."
	return v
}

func cannedOrder() Order {
	return Order{Layout: cannedPrivate("Order M-10042"), Number: "M-10042", Status: "paid", StatusLabel: "Paid", PlacedAt: "21 November 2026, 08:41 UTC",
		Lines: cannedLines(), Subtotal: "€177.00", Shipping: "€4.90", Tax: "€29.04", Total: "€181.90", Also: cannedRecommended(),
		Steps: []Step{{Label: "Waiting for payment", At: "21 November 2026, 08:41 UTC", Done: true}, {Label: "Paid", At: "21 November 2026, 08:41 UTC", Done: true}, {Label: "Sent"}}}
}

func cannedFreshOrder() Order {
	v := cannedOrder()
	v.Fresh = true
	v.Flash, v.FlashKind = "Thank you. Your order is placed.", "good"
	return v
}

func cannedSentOrder() Order {
	v := cannedOrder()
	v.Status, v.StatusLabel = "fulfilled", "Sent"
	v.Steps[2] = Step{Label: "Sent", At: "22 November 2026, 14:02 UTC", Done: true}
	return v
}

func cannedCancelledOrder() Order {
	v := cannedOrder()
	v.Status, v.StatusLabel = "cancelled", "Cancelled"
	v.Steps[2] = Step{Label: "Cancelled", At: "21 November 2026, 09:12 UTC", Done: true, Bad: true}
	return v
}

func cannedOrderRows() []OrderRow {
	return []OrderRow{
		{Number: "M-10042", Href: "/orders/o1-a", PlacedAt: "21 November 2026", StatusLabel: "Paid", Total: "€181.90"},
		{Number: "M-10017", Href: "/orders/o1-b", PlacedAt: "3 November 2026", StatusLabel: "Sent", Total: "€1,149.00"},
		{Number: "M-9981", Href: "/orders/o1-c", PlacedAt: "28 October 2026", StatusLabel: "Cancelled", Total: "€24.00"},
		{Number: "M-9960", Href: "/orders/o1-d", PlacedAt: "21 October 2026", StatusLabel: "Waiting for payment", Total: "€58.00"},
	}
}

func cannedAccount() Account {
	return Account{Layout: cannedPrivate("Your account"), Name: "Ines Okafor", Email: "ines@example.com", Orders: cannedOrderRows()}
}

func cannedRefusedSignIn() SignIn {
	return SignIn{Layout: cannedPrivate("Sign in"), Email: Field{Value: "ines@example.com"}, Next: "/checkout", Refusal: "The mail address or the password is not right."}
}

func cannedRegister() SignIn {
	return SignIn{Layout: cannedPrivate("Open an account"), Register: true, Name: Field{Value: "Ines"}, Email: Field{Value: "ines@example.com"},
		Password: Field{Error: "Use at least 10 characters."}, Next: "/account"}
}
