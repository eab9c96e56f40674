package main

func tableFamilies() []family {
	clay, dark := c(0xbf8a63), c(0x6b4a38)
	return []family{
		{mug, View{Yaw: .45, Pitch: .30, Zoom: 1.05}, View{Yaw: -.35, Pitch: .72, Zoom: 1.12, Shift: V{.1, 0, 0}}, []look{
			{"tide-mug", Look{A: c(0x3d6f70), B: clay, BG: sand}},
			{"oat-mug", Look{A: c(0xeadfca), B: clay, BG: fog}},
			{"ember-mug", Look{A: c(0xb4512f), B: dark, BG: sky}},
			{"moss-mug", Look{A: c(0x6d7a4d), B: dark, BG: blush}},
			{"flash-mug", Look{A: c(0xe0b13c), B: c(0x3a3431), BG: cloud}},
			{"belly-mug-celadon", Look{A: c(0x9db8a5), C: c(0xd9e4d4), Kind: 1, BG: sand}},
			{"belly-mug-ink", Look{A: c(0x2a3a57), C: c(0x7f93ad), Kind: 1, BG: blush}},
		}},
		{bowl, View{Yaw: .3, Pitch: .42, Zoom: 1.28}, View{Yaw: .3, Pitch: .95, Zoom: 1.28}, []look{
			{"tide-ramen-bowl", Look{A: c(0xece3d2), B: clay, C: c(0x3d6f70), BG: fog}},
			{"ember-ramen-bowl", Look{A: c(0xe8dcc8), B: dark, C: c(0xb4512f), BG: sky}},
			{"night-ramen-bowl", Look{A: c(0x34363d), B: dark, C: c(0x9cb2bd), BG: blush}},
			{"oat-pasta-bowl", Look{A: c(0xeadfca), B: clay, C: c(0xf1e9d9), Kind: 1, BG: mint}},
			{"moss-pasta-bowl", Look{A: c(0xe9e2d2), B: clay, C: c(0x7f8d5e), Kind: 1, BG: sand}},
		}},
		{vase, View{Yaw: .2, Pitch: .20, Zoom: 1.02}, View{Yaw: 1.1, Pitch: .48, Zoom: 1.7, Shift: V{0, .30, 0}}, []look{
			{"fluted-vase-lagoon", Look{A: c(0x234a6d), B: c(0x9cc6d0), BG: blush}},
			{"fluted-vase-rosehip", Look{A: c(0x8c2f39), B: c(0xe6b7a0), BG: sand}},
			{"moon-jar-chalk", Look{A: c(0xe9e3d6), B: c(0xf6f2ea), Kind: 1, BG: sky}},
			{"moon-jar-dusk", Look{A: c(0x39445c), B: c(0xb9c8cf), Kind: 1, BG: blush}},
			{"tall-vase-terracotta", Look{A: c(0xb86a45), Kind: 2, BG: fog}},
			{"tall-vase-olive", Look{A: c(0x74764c), Kind: 2, BG: butter}},
		}},
		{teapot, View{Yaw: .25, Pitch: .28, Zoom: 1.02}, View{Yaw: -.65, Pitch: .50, Zoom: 1.25, Shift: V{-.1, .06, 0}}, []look{
			{"harbour-teapot-rust", Look{A: c(0xa9492c), C: c(0xe3b590), BG: sky}},
			{"harbour-teapot-celadon", Look{A: c(0x8fae9b), C: c(0xd6e2d3), BG: blush}},
			{"bail-teapot-iron", Look{A: c(0x34353a), Kind: 1, Wood: 1, BG: sand}},
			{"bail-teapot-chalk", Look{A: c(0xe7e0d2), Kind: 1, Wood: 0, BG: mint}},
		}},
		{plates, View{Yaw: .2, Pitch: .42, Zoom: 1.05}, View{Yaw: .5, Pitch: 1.0, Zoom: 1.08}, []look{
			{"supper-set-oat", Look{A: c(0xece3d2), B: c(0xe2d5bf), C: c(0xcfbfa5), BG: fog}},
			{"supper-set-shore", Look{A: c(0xe9e5dc), B: c(0xa8bdb5), C: c(0x3d6f70), BG: sand}},
			{"plate-stack-slate", Look{A: c(0x565b62), B: c(0x7b8188), C: c(0x565b62), Kind: 1, BG: blush}},
			{"plate-stack-apricot", Look{A: c(0xe2a67c), B: c(0xefc9a8), C: c(0xe2a67c), Kind: 1, BG: sky}},
		}},
		{planter, View{Yaw: .3, Pitch: .22, Zoom: 1.0}, View{Yaw: 1.2, Pitch: .40, Zoom: 1.6, Shift: V{0, -.32, 0}}, []look{
			{"windowsill-planter-terracotta", Look{A: c(0xbb7049), B: c(0xb0653f), BG: mint}},
			{"windowsill-planter-chalk", Look{A: c(0xe6e0d4), B: c(0xd9d1c2), BG: sky, Kind: 1}},
			{"windowsill-planter-charcoal", Look{A: c(0x47474b), B: c(0x3b3b3f), BG: blush}},
			{"windowsill-planter-sage", Look{A: c(0x97a88f), B: c(0x8b9c83), BG: butter, Kind: 1}},
		}},
	}
}

func kitchenFamilies() []family {
	ink := c(0x26282b)
	return []family{
		{bottle, View{Yaw: .35, Pitch: .18, Zoom: 1.06}, View{Yaw: .7, Pitch: .42, Zoom: 2.0, Shift: V{0, .46, 0}}, []look{
			{"field-bottle-sage", Look{A: c(0x93a58c), B: ink, C: c(0xf0eadc), BG: blush}},
			{"field-bottle-brick", Look{A: c(0xa8482f), B: ink, C: c(0xf0e2d4), BG: sky}},
			{"field-bottle-midnight", Look{A: c(0x25324b), B: ink, C: c(0xdfe4ea), BG: sand}},
			{"commute-flask-chalk", Look{A: c(0xe8e3d8), B: ink, C: c(0x9a958a), Kind: 1, Wood: 1, BG: fog}},
		}},
		{carafe, View{Yaw: .4, Pitch: .24, Zoom: 1.02}, View{Yaw: .2, Pitch: .40, Zoom: 1.75, Shift: V{0, .36, 0}}, []look{
			{"still-carafe-clear", Look{A: c(0xfafdfc), Kind: 1, Wood: 0, BG: sky}},
			{"still-carafe-smoke", Look{A: c(0xded9d3), Kind: 0, Wood: 1, BG: sand}},
			{"still-carafe-sea", Look{A: c(0xd6ece7), Kind: 1, Wood: 2, BG: blush}},
		}},
		{board, View{Yaw: .42, Pitch: .24, Zoom: 1.0}, View{Yaw: -.5, Pitch: .34, Zoom: 1.9, Shift: V{0, .36, 0}}, []look{
			{"bread-board-oak", Look{Wood: 0, BG: fog}},
			{"bread-board-walnut", Look{Wood: 1, BG: blush}},
			{"round-board-ash", Look{Wood: 2, Kind: 1, BG: sky}},
			{"round-board-black", Look{Wood: 3, Kind: 1, BG: sand}},
		}},
		{mill, View{Yaw: .3, Pitch: .20, Zoom: 1.0}, View{Yaw: .8, Pitch: .46, Zoom: 1.75, Shift: V{0, .34, 0}}, []look{
			{"turned-mill-walnut", Look{Wood: 1, BG: butter}},
			{"turned-mill-ash", Look{Wood: 2, BG: fog}},
			{"column-mill-poppy", Look{A: c(0xc24a35), Wood: 0, Kind: 1, BG: sky}},
			{"column-mill-ink", Look{A: c(0x2b3038), Wood: 1, Kind: 1, BG: blush}},
		}},
		{canister, View{Yaw: .4, Pitch: .28, Zoom: 1.0}, View{Yaw: -.4, Pitch: .62, Zoom: 1.4, Shift: V{0, .2, 0}}, []look{
			{"pantry-jar-oat", Look{A: c(0xe8decb), B: c(0xbf8a63), Wood: 0, BG: mint}},
			{"pantry-jar-tide", Look{A: c(0x4a7878), B: c(0x8a6247), Wood: 1, BG: sand}},
			{"ribbed-tin-cream", Look{A: c(0xefe4cc), Wood: 1, Kind: 1, BG: sky}},
			{"ribbed-tin-forest", Look{A: c(0x3f5a48), Wood: 0, Kind: 1, BG: blush}},
		}},
	}
}

func lightFamilies() []family {
	linen := c(0xf3ead9)
	return []family{
		{lamp, View{Yaw: .2, Pitch: .15, Zoom: 1.0}, View{Yaw: .9, Pitch: .20, Zoom: 1.7, Shift: V{0, -.36, 0}}, []look{
			{"turned-lamp-walnut", Look{B: linen, Wood: 1, BG: sky}},
			{"turned-lamp-oak", Look{B: c(0xe9dcc6), Wood: 0, BG: fog}},
			{"turned-lamp-black", Look{B: c(0xf6f0e4), Wood: 3, BG: blush}},
			{"gourd-lamp-sea", Look{A: c(0x4f7f86), B: linen, C: c(0xa9c9c6), Kind: 1, BG: sand}},
			{"gourd-lamp-persimmon", Look{A: c(0xc4623a), B: linen, C: c(0xebb48c), Kind: 1, BG: mint}},
		}},
		{pendant, View{Yaw: .2, Pitch: .06, Zoom: .98}, View{Yaw: .2, Pitch: -.34, Zoom: 1.25, Shift: V{0, -.1, 0}}, []look{
			{"dome-pendant-brick", Look{A: c(0xa94a33), B: c(0xf4ead8), BG: sand}},
			{"dome-pendant-graphite", Look{A: c(0x3b3d40), B: c(0xe6c98c), BG: blush}},
			{"dome-pendant-chalk", Look{A: c(0xebe6dc), B: c(0xf6f1e6), BG: sky}},
			{"cone-pendant-mustard", Look{A: c(0xd0a032), B: c(0xf7efdc), Kind: 1, BG: fog}},
			{"cone-pendant-sage", Look{A: c(0x8c9f86), B: c(0xf4efe2), Kind: 1, BG: butter}},
		}},
		{candle, View{Yaw: .3, Pitch: .26, Zoom: .98}, View{Yaw: .1, Pitch: .85, Zoom: 1.3, Shift: V{0, .1, 0}}, []look{
			{"evening-candle-fig", Look{A: c(0x7d8f72), B: c(0x384a35), C: c(0xf5ecd8), BG: fog}},
			{"evening-candle-cedar", Look{A: c(0x9c5b3c), B: c(0x5a2f1d), C: c(0xf3e6cc), BG: sand}},
			{"stone-candle-salt", Look{A: c(0xe9e6e0), C: c(0xf7f1e4), Kind: 1, BG: sky}},
			{"stone-candle-smoke", Look{A: c(0x55565a), C: c(0xf3ecdf), Kind: 1, BG: blush}},
		}},
		{domeLamp, View{Yaw: .2, Pitch: .16, Zoom: 1.0}, View{Yaw: .2, Pitch: .62, Zoom: 1.12}, []look{
			{"toadstool-lamp-navy", Look{A: c(0x2a3a5c), B: c(0xf7efe2), BG: sand}},
			{"toadstool-lamp-tomato", Look{A: c(0xc8452f), B: c(0xf7efe2), BG: sky}},
			{"toadstool-lamp-cream", Look{A: c(0xefe5d2), B: c(0xf7efe2), BG: mint}},
			{"opal-lamp-brass", Look{A: c(0xd6ae62), B: c(0xf6ecda), Kind: 1, BG: blush}},
		}},
		{taskLamp, View{Yaw: .25, Pitch: .20, Zoom: .98}, View{Yaw: -.5, Pitch: .05, Zoom: 1.7, Shift: V{.3, .42, 0}}, []look{
			{"draft-lamp-red", Look{A: c(0xb63a2b), BG: sky}},
			{"draft-lamp-pine", Look{A: c(0x35564a), Kind: 1, BG: sand}},
			{"draft-lamp-white", Look{A: c(0xece8e0), BG: blush}},
			{"draft-lamp-black", Look{A: c(0x2c2c2e), Kind: 1, BG: butter}},
		}},
	}
}
