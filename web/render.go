package web

import (
	"context"
	"io"

	"github.com/a-h/templ"
)

//go:generate go run github.com/a-h/templ/cmd/templ@v0.3.977 generate
//go:generate go run ./internal/bundle

// View is a page that can be rendered. Every view type of this package is one.
type View interface {
	Render(w io.Writer) error
}

var (
	_ View = Home{}
	_ View = Listing{}
	_ View = Product{}
	_ View = Cart{}
	_ View = Checkout{}
	_ View = Order{}
	_ View = Account{}
	_ View = SignIn{}
	_ View = Problem{}
	_ View = Desk{}
	_ View = Analytics{}
	_ View = SQL{}
)

// render writes a component. Pages need nothing from a context: whatever they show is in the view.
func render(w io.Writer, c templ.Component) error {
	return c.Render(context.Background(), w)
}

// Render writes the front page.
func (v Home) Render(w io.Writer) error { return render(w, homePage(v)) }

// Render writes a collection or a search result.
func (v Listing) Render(w io.Writer) error { return render(w, listingPage(v)) }

// Render writes a product page. Its form posts action=add, handle, sku and quantity to CartForm.
func (v Product) Render(w io.Writer) error { return render(w, productPage(v)) }

// Render writes the cart. Each line is a form that posts sku, quantity and action=update or
// action=remove to /cart.
func (v Cart) Render(w io.Writer) error { return render(w, cartPage(v)) }

// Render writes the checkout. Its form posts email, name, line1, line2, city, postal_code, region,
// country, shipping_method, payment_token, key and version to /checkout. The id of each field is its
// name, so Errors link to "#email", "#payment_token" and so on.
func (v Checkout) Render(w io.Writer) error { return render(w, checkoutPage(v)) }

// Render writes an order with its history.
func (v Order) Render(w io.Writer) error { return render(w, orderPage(v)) }

// Render writes a customer's page. Its sign-out button posts to /sign-out.
func (v Account) Render(w io.Writer) error { return render(w, accountPage(v)) }

// Render writes the sign-in or, with Register, the registration page. Its form posts email, password,
// name (only to register) and next to /sign-in, /register or, for staff, /admin/sign-in.
func (v SignIn) Render(w io.Writer) error { return render(w, signInPage(v)) }

// Render writes an error page.
func (v Problem) Render(w io.Writer) error { return render(w, problemPage(v)) }

// Render writes the page about what is recorded.
func (v Privacy) Render(w io.Writer) error { return render(w, privacyPage(v)) }

// Render writes the page on which shoppers wait. Its form posts nothing but itself to /wait/{room}.
func (v Waiting) Render(w io.Writer) error { return render(w, waitingPage(v)) }

// Render writes a staff page. Its sign-out button posts to /admin/sign-out.
func (v Desk) Render(w io.Writer) error { return render(w, deskPage(v)) }

// Render implements View.
func (v SQL) Render(w io.Writer) error { return render(w, sqlPage(v)) }

// Render implements View.
func (v Analytics) Render(w io.Writer) error { return render(w, analyticsPage(v)) }
