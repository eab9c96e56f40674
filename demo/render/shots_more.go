package main

func audioFamilies() []family {
	tan, dark := c(0xa96f3f), c(0x2c2a29)
	return []family{
		{headphones, View{Yaw: .62, Pitch: .20, Zoom: 1.0}, View{Yaw: 1.25, Pitch: .24, Zoom: 1.3, Shift: V{0, -.12, 0}}, []look{
			{"aria-headphones-cream", Look{A: c(0xefe6d6), B: tan, C: c(0xcfcfcf), BG: sky}},
			{"aria-headphones-black", Look{A: c(0x2a2a2c), B: c(0x3a3533), C: c(0x8c8c90), BG: sand}},
			{"aria-headphones-forest", Look{A: c(0x3c5546), B: c(0x8a5c38), C: c(0xd2b06a), BG: blush}},
			{"aria-headphones-dusk", Look{A: c(0x8d93b0), B: c(0x5f617a), C: c(0xd9d9de), BG: fog}},
			{"aria-headphones-clay", Look{A: c(0xc9866a), B: c(0x6b4031), C: c(0xdcc3a6), BG: mint}},
		}},
		{speaker, View{Yaw: .5, Pitch: .20, Zoom: 1.0}, View{Yaw: -.42, Pitch: .08, Zoom: 1.5, Shift: V{0, -.1, 0}}, []look{
			{"shelf-speakers-oak", Look{A: c(0x2e2d2c), B: c(0x3a3a3c), C: c(0xbdbdb8), Wood: 0, BG: blush}},
			{"shelf-speakers-walnut", Look{A: c(0x2b2927), B: c(0x57524b), C: c(0xd0b071), Wood: 1, BG: sky}},
			{"shelf-speakers-black", Look{A: c(0x222222), B: c(0xd7b56e), C: c(0xe2c887), Wood: 3, BG: sand}},
		}},
		{puck, View{Yaw: -.15, Pitch: .30, Zoom: 1.0}, View{Yaw: -.9, Pitch: .68, Zoom: 1.35, Shift: V{0, .12, 0}}, []look{
			{"pebble-speaker-sage", Look{A: c(0x93a58c), B: dark, C: tan, BG: sky}},
			{"pebble-speaker-coral", Look{A: c(0xd4705a), B: dark, C: c(0x4a3028), BG: sand}},
			{"pebble-speaker-charcoal", Look{A: c(0x4b4c50), B: c(0x252527), C: c(0x2a2a2a), BG: butter}},
			{"pebble-speaker-oat", Look{A: c(0xddd2bd), B: c(0xb7a78c), C: tan, BG: fog}},
		}},
		{radio, View{Yaw: .4, Pitch: .22, Zoom: 1.02}, View{Yaw: -.35, Pitch: .16, Zoom: 1.75, Shift: V{.24, .06, 0}}, []look{
			{"sunday-radio-oak", Look{B: tan, C: c(0xe9dfca), Wood: 0, BG: sky}},
			{"sunday-radio-walnut", Look{B: c(0x3a2a20), C: c(0xcfc3ab), Wood: 1, BG: mint}},
			{"sunday-radio-teal", Look{A: c(0x3f7272), B: tan, C: c(0xeae2d2), Wood: -1, BG: blush}},
			{"sunday-radio-butter", Look{A: c(0xe9cf8a), B: c(0x8a5c38), C: c(0xf1ead9), Wood: -1, BG: fog}},
		}},
		{turntable, View{Yaw: .35, Pitch: .42, Zoom: 1.08}, View{Yaw: -.45, Pitch: .58, Zoom: 1.6, Shift: V{.2, .1, 0}}, []look{
			{"long-player-walnut", Look{C: c(0xc8542f), Wood: 1, BG: sand}},
			{"long-player-white", Look{A: c(0xefece6), C: c(0x2f6f73), Wood: -1, BG: sky}},
			{"long-player-black", Look{A: c(0x262628), C: c(0xe0b13c), Wood: -1, BG: blush}},
		}},
	}
}

func furnitureFamilies() []family {
	tan := c(0x9c6537)
	return []family{
		{stool, View{Yaw: .3, Pitch: .22, Zoom: .98}, View{Yaw: .6, Pitch: .62, Zoom: 1.35, Shift: V{0, .3, 0}}, []look{
			{"milking-stool-oak", Look{Wood: 0, BG: blush}},
			{"milking-stool-walnut", Look{Wood: 1, BG: fog}},
			{"counter-stool-tan", Look{A: tan, Wood: 1, Kind: 1, BG: sky}},
			{"counter-stool-black", Look{A: c(0x2b2928), Wood: 2, Kind: 1, BG: sand}},
		}},
		{sideTable, View{Yaw: .3, Pitch: .26, Zoom: .98}, View{Yaw: .8, Pitch: .55, Zoom: 1.35, Shift: V{0, .25, 0}}, []look{
			{"tray-table-marble", Look{A: c(0xf0ede8), B: c(0x2a2a2b), Wood: -1, BG: sky}},
			{"tray-table-rust", Look{A: c(0xb5694a), B: c(0x9e5437), Wood: -1, BG: mint}},
			{"lantern-table-oak", Look{Wood: 0, Kind: 1, BG: sand}},
			{"lantern-table-walnut", Look{Wood: 1, Kind: 1, BG: blush}},
		}},
		{chair, View{Yaw: .55, Pitch: .22, Zoom: .98}, View{Yaw: -.9, Pitch: .30, Zoom: 1.25, Shift: V{0, .22, 0}}, []look{
			{"kitchen-chair-oak", Look{Wood: 0, BG: fog}},
			{"kitchen-chair-black", Look{Wood: 3, BG: butter}},
			{"kitchen-chair-navy", Look{A: c(0xc9bfae), B: c(0x2b3f63), Wood: -1, Kind: 1, BG: blush}},
			{"kitchen-chair-sage", Look{A: c(0xe3d8c2), B: c(0x8c9f86), Wood: -1, Kind: 1, BG: sky}},
		}},
		{bench, View{Yaw: .42, Pitch: .24, Zoom: 1.05}, View{Yaw: .95, Pitch: .34, Zoom: 1.4, Shift: V{.1, .1, 0}}, []look{
			{"hall-bench-oak", Look{Wood: 0, BG: sky}},
			{"hall-bench-rust", Look{A: c(0xb05a3c), Wood: 1, Kind: 1, BG: sand}},
			{"hall-bench-ocean", Look{A: c(0x3c6074), Wood: 2, Kind: 1, BG: blush}},
		}},
		{pouf, View{Yaw: .3, Pitch: .30, Zoom: 1.02}, View{Yaw: .3, Pitch: .85, Zoom: 1.15}, []look{
			{"knitted-pouf-ginger", Look{A: c(0xb5713a), BG: sky}},
			{"knitted-pouf-stone", Look{A: c(0xbcb6aa), BG: blush}},
			{"leather-pouf-cognac", Look{A: c(0x96582e), B: c(0x7c4724), Kind: 1, BG: fog}},
			{"leather-pouf-olive", Look{A: c(0x6a6b45), B: c(0x55562f), Kind: 1, BG: butter}},
		}},
	}
}

func carryFamilies() []family {
	tan, brown := c(0xa96f3f), c(0x5b3a26)
	return []family{
		{backpack, View{Yaw: .55, Pitch: .16, Zoom: 1.0}, View{Yaw: -.5, Pitch: .22, Zoom: 1.65, Shift: V{0, .22, .1}}, []look{
			{"ridge-backpack-navy", Look{A: c(0x2b3f63), B: tan, C: c(0x2b3f63), BG: sky}},
			{"ridge-backpack-olive", Look{A: c(0x686a45), B: brown, C: c(0x5d5f3c), BG: sand}},
			{"ridge-backpack-sand", Look{A: c(0xcbb794), B: brown, C: c(0xbfa983), BG: fog}},
			{"rolltop-backpack-charcoal", Look{A: c(0x44454a), B: c(0x242424), C: c(0x3a3b3f), Kind: 1, BG: blush}},
			{"rolltop-backpack-rust", Look{A: c(0xad5a38), B: brown, C: c(0x9c4f30), Kind: 1, BG: mint}},
		}},
		{tote, View{Yaw: .45, Pitch: .16, Zoom: 1.0}, View{Yaw: -.3, Pitch: .46, Zoom: 1.35, Shift: V{0, .08, 0}}, []look{
			{"market-tote-natural", Look{A: c(0xe8dfcd), B: tan, BG: sky}},
			{"market-tote-ink", Look{A: c(0x2c3444), B: brown, BG: blush}},
			{"dipped-tote-cobalt", Look{A: c(0xe9e1d0), B: c(0x2f4f8f), Kind: 1, BG: sand}},
			{"dipped-tote-brick", Look{A: c(0xe9e1d0), B: c(0xa5482f), Kind: 1, BG: fog}},
		}},
		{weekender, View{Yaw: .5, Pitch: .22, Zoom: 1.04}, View{Yaw: -.55, Pitch: .42, Zoom: 1.5, Shift: V{0, .12, 0}}, []look{
			{"overnight-bag-sage", Look{A: c(0x8a9a82), B: tan, BG: blush}},
			{"overnight-bag-navy", Look{A: c(0x2a3b59), B: c(0x7c4a2a), BG: sand}},
			{"overnight-bag-stone", Look{A: c(0xcfc6b4), B: c(0x2e2a28), Kind: 1, BG: sky}},
		}},
		{pouch, View{Yaw: .4, Pitch: .26, Zoom: 1.0}, View{Yaw: -.4, Pitch: .42, Zoom: 1.55, Shift: V{.1, .14, 0}}, []look{
			{"zip-pouch-rust", Look{A: c(0xb5532f), B: brown, BG: fog}},
			{"zip-pouch-fern", Look{A: c(0x5d7a58), B: brown, BG: blush}},
			{"leather-case-tan", Look{A: c(0xa96f3f), B: brown, Kind: 1, BG: sky}},
			{"leather-case-black", Look{A: c(0x2a2827), B: c(0x1f1d1c), Kind: 1, BG: sand}},
		}},
	}
}

func deskFamilies() []family {
	dark, cream := c(0x2c2a29), c(0xf4eee2)
	return []family{
		{notebook, View{Yaw: .5, Pitch: .42, Zoom: 1.05}, View{Yaw: -.3, Pitch: .28, Zoom: 1.7, Shift: V{.05, .05, .1}}, []look{
			{"trio-notebooks-harvest", Look{A: c(0xc2703d), B: c(0x6d7a4d), C: c(0x7a2f2a), BG: sky}},
			{"trio-notebooks-tide", Look{A: c(0x3d6f70), B: c(0xe2d6bd), C: c(0x27405a), BG: sand}},
			{"trio-notebooks-petal", Look{A: c(0xd99a94), B: c(0xefe0cf), C: c(0x8c4f5a), BG: mint}},
			{"trio-notebooks-graphite", Look{A: c(0x3c3d41), B: c(0x8e8f93), C: c(0x1f1f21), BG: blush}},
		}},
		{clock, View{Yaw: .4, Pitch: .12, Zoom: 1.0}, View{Yaw: -.5, Pitch: .30, Zoom: 1.25, Shift: V{0, .05, 0}}, []look{
			{"quarter-clock-oak", Look{B: cream, C: dark, Wood: 0, BG: sky}},
			{"quarter-clock-walnut", Look{B: c(0xece3d0), C: dark, Wood: 1, BG: fog}},
			{"block-clock-teal", Look{A: c(0x3f7272), B: cream, C: dark, Wood: 0, Kind: 1, BG: blush}},
			{"block-clock-poppy", Look{A: c(0xc24a35), B: cream, C: dark, Wood: 0, Kind: 1, BG: sand}},
		}},
		{penPot, View{Yaw: .3, Pitch: .24, Zoom: 1.0}, View{Yaw: 1.0, Pitch: .52, Zoom: 1.5, Shift: V{0, .05, 0}}, []look{
			{"pen-pot-terrazzo", Look{A: c(0xe9e4da), B: c(0xb5532f), C: c(0x3d6f70), Wood: -1, BG: sky}},
			{"pen-pot-fluted-moss", Look{A: c(0x76835a), B: c(0xb5532f), C: c(0x27405a), Wood: -1, Kind: 1, BG: blush}},
			{"pen-pot-walnut", Look{B: c(0xb5532f), C: c(0x3d6f70), Wood: 1, BG: fog}},
		}},
		{tray, View{Yaw: .4, Pitch: .46, Zoom: 1.05}, View{Yaw: -.5, Pitch: .62, Zoom: 1.5, Shift: V{-.1, 0, 0}}, []look{
			{"desk-tray-oak", Look{B: c(0x27405a), C: dark, Wood: 0, BG: blush}},
			{"desk-tray-walnut", Look{B: c(0xb5532f), C: c(0xd0a032), Wood: 1, BG: sky}},
			{"desk-tray-sage", Look{A: c(0x97a88f), B: c(0xc2703d), C: dark, Wood: -1, BG: sand}},
		}},
	}
}
