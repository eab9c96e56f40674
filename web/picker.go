package web

import "strings"

// pickerMax is the number of variants up to which each is a radio button; beyond it they are
// entries of one select. Both send the field sku, so the server never has to resolve options.
const pickerMax = 12

// quantityMax bounds the quantity select of a product page; the cart takes any number.
const quantityMax = 10

// variantGroup is the variants that share their first choice, when there are two options or more.
type variantGroup struct {
	Label   string
	Choices []variantChoice
}

// variantChoice is a variant in the picker.
type variantChoice struct {
	Variant
	Label    string
	Selected bool
}

// pickerGroups arranges the variants of v: one group for one option, else one for each value of the first.
func pickerGroups(v Product) []variantGroup {
	var groups []variantGroup
	at := map[string]int{}
	for i, x := range v.Variants {
		group, label := "", x.Title
		switch {
		case len(v.Options) >= 2 && len(x.Choices) >= 2:
			group, label = x.Choices[0], strings.Join(x.Choices[1:], ", ")
		case len(x.Choices) == 1:
			label = x.Choices[0]
		}
		n, ok := at[group]
		if !ok {
			n = len(groups)
			at[group] = n
			groups = append(groups, variantGroup{Label: group})
		}
		groups[n].Choices = append(groups[n].Choices, variantChoice{Variant: x, Label: label, Selected: i == v.Selected})
	}
	return groups
}

// pickerLegend names the choice: "Colour", "Colour and size".
func pickerLegend(v Product) string {
	names := make([]string, 0, len(v.Options))
	for i, o := range v.Options {
		n := o.Name
		if i > 0 {
			n = strings.ToLower(n)
		}
		names = append(names, n)
	}
	switch len(names) {
	case 0:
		return "Version"
	case 1:
		return names[0]
	}
	return strings.Join(names[:len(names)-1], ", ") + " and " + names[len(names)-1]
}

// pricesDiffer says whether the picker must name prices.
func pricesDiffer(v Product) bool {
	for _, x := range v.Variants {
		if x.Price != v.Variants[0].Price {
			return true
		}
	}
	return false
}

// buyable says whether any variant can be bought.
func buyable(v Product) bool {
	for _, x := range v.Variants {
		if x.Availability != "sold_out" {
			return true
		}
	}
	return false
}

// selectedSKU is the SKU of the variant shown first.
func selectedSKU(v Product) string {
	if v.Selected < 0 || v.Selected >= len(v.Variants) {
		return ""
	}
	return v.Variants[v.Selected].SKU
}

func quantities(v Product) []string {
	n := v.MaxNumber
	if n <= 0 || n > quantityMax {
		n = quantityMax
	}
	out := make([]string, n)
	for i := range out {
		out[i] = number(i + 1)
	}
	return out
}

// stockWords says how many there are.
func stockWords(availability string, low int) string {
	switch {
	case availability == "sold_out":
		return "Sold out"
	case availability == "low" && low > 0:
		return number(low) + " left"
	case availability == "low":
		return "Only a few left"
	}
	return "In stock"
}

func stockClass(availability string) string {
	switch availability {
	case "sold_out":
		return "stock out"
	case "low":
		return "stock low"
	}
	return "stock in"
}

// variantNote is what a variant's label adds: its price where prices differ, its stock where it matters.
func variantNote(v Product, x variantChoice) string {
	var notes []string
	if pricesDiffer(v) {
		notes = append(notes, x.Price)
	}
	if x.Availability == "sold_out" || x.Availability == "low" {
		notes = append(notes, strings.ToLower(stockWords(x.Availability, x.Low)))
	}
	return strings.Join(notes, ", ")
}

// swatch is the colour a word names, for the dot beside it; empty for words it does not know.
func swatch(word string) string {
	words := strings.FieldsFunc(strings.ToLower(word), func(r rune) bool { return r == ' ' || r == '-' || r == '/' })
	for i := len(words) - 1; i >= 0; i-- {
		switch words[i] {
		case "black", "ink", "charcoal", "graphite", "onyx":
			return "#26282b"
		case "white", "chalk", "porcelain":
			return "#f7f6f2"
		case "grey", "gray", "stone", "ash", "fog", "slate":
			return "#8d9394"
		case "cream", "ivory", "oat", "linen", "bone", "natural":
			return "#e8dfcc"
		case "sand", "beige", "camel", "tan":
			return "#cbb083"
		case "brown", "walnut", "chestnut", "cocoa", "umber":
			return "#6b4630"
		case "oak", "honey", "ochre", "mustard", "amber":
			return "#c8923f"
		case "red", "cherry", "crimson":
			return "#b3262e"
		case "terracotta", "rust", "brick", "clay", "copper":
			return "#b85c3c"
		case "orange", "persimmon":
			return "#e0752a"
		case "pink", "rose", "blush":
			return "#dfa7a1"
		case "yellow", "lemon", "citron":
			return "#e8c93a"
		case "green", "forest", "moss", "bottle":
			return "#3f6445"
		case "olive":
			return "#77773f"
		case "sage", "mint", "celadon":
			return "#a5b9a0"
		case "teal", "lagoon", "petrol":
			return "#2d6f70"
		case "blue", "cobalt", "marine":
			return "#2b55a8"
		case "navy", "indigo", "midnight":
			return "#232f57"
		case "sky":
			return "#94b8d6"
		case "purple", "plum", "aubergine":
			return "#60395c"
		case "lilac", "lavender":
			return "#b4a5d2"
		case "silver", "steel", "chrome":
			return "#b9bec2"
		case "brass", "gold":
			return "#b8954a"
		}
	}
	return ""
}

// optionText is a variant in the select. It names all choices, since a closed select shows nothing else.
func optionText(v Product, g variantGroup, x variantChoice) string {
	text := x.Label
	if g.Label != "" {
		text = g.Label + ", " + text
	}
	if n := variantNote(v, x); n != "" {
		text += " – " + n
	}
	return text
}

func joined(values []string) string { return strings.Join(values, ", ") }

func thumbLabel(v Product, i int) string {
	s := "Picture " + number(i+1) + " of " + number(len(v.Pictures))
	if alt := v.Pictures[i].Alt; alt != "" {
		s += ": " + alt
	}
	return s
}
