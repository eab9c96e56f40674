// Package productcsv reads and writes Shopify's product CSV, the file merchandisers already have.
//
// It promises that every problem is reported with its line, its column and a sentence that says what
// to do; that a product with a problem is never returned; that what Write writes, Parse reads back
// as the same products; and that no input makes it panic or use more than Limits allow. It refuses
// what it would have to guess at: prices with a decimal comma, two products under one handle, text
// that is not UTF-8. Columns it does not know are ignored.
//
// Beside Shopify's columns it knows `Collections` (handles separated by ";"), `Price / USD` and
// `Compare At Price / USD` (and the same for other currencies with two decimals), `Variant Title`
// where it is not just the option values, and `Clip Src` (the name of a clip asset). `Image Src` is the
// name of a picture asset; of an address, as Shopify exports it, the file name counts.
// Read Parse and Product first.
package productcsv

import "meridian/api"

// Limits bound what Parse accepts. Zero fields mean the defaults.
type Limits struct {
	// Bytes is the most of the file that is read. Default 64 MiB.
	Bytes int64
	// Rows is the most rows below the header. Default 100,000.
	Rows int
	// Variants is the most variants of one product. Default 100.
	Variants int
	// Errors is the most errors that are listed; the rest is summed up in one. Default 1,000.
	Errors int
}

func (l Limits) withDefaults() Limits {
	if l.Bytes <= 0 {
		l.Bytes = 64 << 20
	}
	if l.Rows <= 0 {
		l.Rows = 100_000
	}
	if l.Variants <= 0 {
		l.Variants = 100
	}
	if l.Errors <= 0 {
		l.Errors = 1000
	}
	return l
}

// The longest values accepted, in characters unless they say bytes.
const (
	maxText        = 255 // title, vendor, type, a tag, an option name or value, an asset name
	maxAlt         = 500
	maxBodyBytes   = 64 << 10
	maxHandle      = 128
	maxTags        = 250
	maxImages      = 50
	maxClips       = 10
	maxCollections = 50
	maxOnHand      = 1_000_000_000
	maxMinor       = 100_000_000 // a million in major units
)

// Product is a product of the file. Line is the line it starts on, SKULines those of its variants, in
// their order, so that later checks can point into the file too.
type Product struct {
	api.StaffProduct
	Line     int
	SKULines []int
}

// Shopify's column names, as written.
const (
	colHandle    = "Handle"
	colTitle     = "Title"
	colBody      = "Body (HTML)"
	colVendor    = "Vendor"
	colType      = "Type"
	colTags      = "Tags"
	colPublished = "Published"
	colSKU       = "Variant SKU"
	colQty       = "Variant Inventory Qty"
	colPrice     = "Variant Price"
	colCompare   = "Variant Compare At Price"
	colImage     = "Image Src"
	colPosition  = "Image Position"
	colAlt       = "Image Alt Text"
	colVarImage  = "Variant Image"
	colStatus    = "Status"

	colVarTitle    = "Variant Title"
	colClip        = "Clip Src"
	colCollections = "Collections"

	pricePrefix   = "Price / "
	comparePrefix = "Compare At Price / "
)

// baseCurrency is the currency of Variant Price.
const baseCurrency = "EUR"

// Shopify's way to say that a product has no options.
const (
	noOptionName  = "Title"
	noOptionValue = "Default Title"
)

var (
	optionNames  = [3]string{"Option1 Name", "Option2 Name", "Option3 Name"}
	optionValues = [3]string{"Option1 Value", "Option2 Value", "Option3 Value"}
)
