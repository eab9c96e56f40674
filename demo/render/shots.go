package main

// Shot is one picture: a model in a look, seen from somewhere.
type Shot struct {
	Name  string // file stem, and asset name without its ending
	Model func() *Model
	View  View
	Size  int // pixels a side
}

// family is a model with its two views: the whole thing, and a second look.
type family struct {
	build       func(Look) *Model
	whole, near View
	looks       []look
}

// look is a product's handle and how it differs.
type look struct {
	handle string
	Look
}

func c(hex uint32) V { return rgb(hex) }

// Backdrops, soft enough to sit beside each other in a grid.
var (
	sand   = rgb(0xece5da)
	fog    = rgb(0xe3e7e5)
	blush  = rgb(0xeee0d8)
	sky    = rgb(0xdfe6ea)
	mint   = rgb(0xe0e8df)
	cloud  = rgb(0xeceae6)
	butter = rgb(0xf0e8d2)
)

func shots() []Shot {
	var whole, second []Shot
	for _, f := range families() {
		for _, l := range f.looks {
			build := func() *Model { return f.build(l.Look) }
			whole = append(whole, Shot{l.handle + "-1", build, f.whole, 960})
			second = append(second, Shot{l.handle + "-2", build, f.near, 640})
		}
	}
	return append(whole, second...) // so that a run that is cut short has a picture of everything
}

func families() []family {
	var out []family
	out = append(out, tableFamilies()...)
	out = append(out, kitchenFamilies()...)
	out = append(out, lightFamilies()...)
	out = append(out, audioFamilies()...)
	out = append(out, furnitureFamilies()...)
	out = append(out, carryFamilies()...)
	return append(out, deskFamilies()...)
}
