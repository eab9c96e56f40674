package main

import "meridian/api"

// collections are shown by their first product's picture, but where that would be another's again.
func collections() []api.Collection {
	shown := func(asset string) *api.Image { return &api.Image{URL: asset} }
	return []api.Collection{
		{Handle: "ceramics", Title: "Ceramics", Description: "Stoneware thrown, glazed and fired in small batches. No two pieces are quite the same, and every one survives the dishwasher."},
		{Handle: "kitchen", Title: "Kitchen", Image: shown("turned-mill-walnut-1.jpg"), Description: "Boards, mills, bottles and jars for people who cook most days and would rather buy a thing once."},
		{Handle: "lighting", Title: "Lighting", Description: "Lamps to read by, eat under and fall asleep next to, in brass, wood, glass and powder-coated steel."},
		{Handle: "audio", Title: "Audio", Description: "Headphones, speakers and turntables that sound as good as they look, with parts you can replace."},
		{Handle: "furniture", Title: "Furniture", Description: "Chairs, stools, tables and benches in solid wood, built to be sat on, stood on and handed down."},
		{Handle: "bags", Title: "Bags & Carry", Description: "Packs, totes and pouches in waxed canvas and vegetable-tanned leather. Repairs are free, for ever."},
		{Handle: "desk", Title: "Desk", Description: "Notebooks that lie flat, clocks that keep quiet and a place for the pens."},
		{Handle: "gifts", Title: "Gifts", Image: shown("evening-candle-fig-1.jpg"), Description: "Small things that arrive well wrapped, all under 60 euros."},
	}
}
