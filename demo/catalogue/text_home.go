package main

func furniture() []family {
	const maker = "Halden Works"
	base := []string{"furniture"}
	return []family{
		{kind: "Stool", vendor: maker, collections: base, tags: []string{"stool", "wood"},
			choices: []choice{{"Height", []value{{"45 cm", "45", 0}, {"65 cm", "65", 3000}}}},
			facts:   []string{"Solid wood, oiled", "Carries 150 kg", "Legs are wedged through the seat; nothing to assemble"},
			items: []item{
				{handle: "milking-stool-oak", title: "Milking Stool in Oak", sku: "STL-M-OAK", price: 12900, tags: "oak", alt: "Three-legged round oak stool",
					text: "Three legs never wobble, which is why cowsheds had them. The seat is dished by hand with a travisher, and you can feel that it is."},
				{handle: "milking-stool-walnut", title: "Milking Stool in Walnut", sku: "STL-M-WAL", price: 15900, tags: "walnut", was: 17900, alt: "Three-legged round walnut stool",
					text: "A stool, a bedside table, a place for the plant. Walnut makes all three look intended."},
				{handle: "counter-stool-tan", title: "Counter Stool in Tan", sku: "STL-C-TAN", price: 24900, tags: "leather, walnut", alt: "Four-legged walnut stool with a tan leather seat and a brass ring",
					text: "Saddle leather over a thin cushion, walnut legs and a brass ring exactly where your feet look for it."},
				{handle: "counter-stool-black", title: "Counter Stool in Black", sku: "STL-C-BLK", price: 24900, tags: "leather, ash", stock: []int64{0, 2}, alt: "Four-legged ash stool with a black leather seat and a brass ring",
					text: "Black leather on pale ash. Three of them at a counter make people stay for another coffee."},
			}},
		{kind: "Side table", vendor: maker, collections: base, tags: []string{"table"},
			facts: []string{"50 cm across, 48 cm tall", "Felt under the feet", "Comes apart with one key for moving house"},
			items: []item{
				{handle: "tray-table-marble", title: "Tray Table in Marble", sku: "TBL-T-MAR", price: 28900, tags: "marble, steel", alt: "Round side table with a white marble tray top on a black stem",
					text: "Cut from the ends of Carrara blocks that are too small for worktops. The raised rim has saved a good many carpets."},
				{handle: "tray-table-rust", title: "Tray Table in Rust", sku: "TBL-T-RST", price: 21900, tags: "orange, steel", alt: "Round side table in rust-coloured stone on a steel stem",
					text: "A warm red stone top on a steel stem in the same colour, as if it had grown there."},
				{handle: "lantern-table-oak", title: "Lantern Table in Oak", sku: "TBL-L-OAK", price: 23900, tags: "oak", alt: "Round oak side table with a lower shelf",
					text: "A second shelf for the books you mean to read, under a first shelf for the one you are reading."},
				{handle: "lantern-table-walnut", title: "Lantern Table in Walnut", sku: "TBL-L-WAL", price: 27900, tags: "walnut", was: 31900, alt: "Round walnut side table with a lower shelf",
					text: "Three splayed legs, two round shelves and a depth of grain that varnish would only get in the way of."},
			}},
		{kind: "Chair", vendor: maker, collections: base, tags: []string{"chair"},
			choices: []choice{{"Set", []value{{"Single", "1", 0}, {"Pair", "2", 21000}, {"Set of 4", "4", 62000}}}},
			facts:   []string{"Seat 45 cm high, 46 cm wide", "Carries 140 kg", "Joints are pegged and can be tightened again in thirty years"},
			items: []item{
				{handle: "kitchen-chair-oak", title: "Kitchen Chair in Oak", sku: "CHR-OAK", price: 22900, tags: "oak", alt: "Oak chair with a curved back rest",
					text: "The chair a child draws when asked to draw a chair, with a back steamed to fit a back. It is comfortable through pudding and well into the argument."},
				{handle: "kitchen-chair-black", title: "Kitchen Chair, Blackened", sku: "CHR-BLK", price: 23900, tags: "black", alt: "Blackened wooden chair with a curved back rest",
					text: "Ash, blackened with iron and vinegar and rubbed with wax. Fingerprints vanish, and so do years."},
				{handle: "kitchen-chair-navy", title: "Kitchen Chair in Navy", sku: "CHR-NVY", price: 25900, tags: "blue, canvas", stock: []int64{4, 2, 1}, alt: "Navy painted chair with a light fabric seat",
					text: "Painted beech with a canvas seat that unscrews for washing. Mix it with the oak ones; tables like a little disagreement."},
				{handle: "kitchen-chair-sage", title: "Kitchen Chair in Sage", sku: "CHR-SAG", price: 25900, tags: "green, canvas", alt: "Sage green painted chair with a cream fabric seat",
					text: "Sage legs, oat seat. The paint is a linseed one that wears through to wood at the corners, as paint on chairs ought to."},
			}},
		{kind: "Bench", vendor: maker, collections: base, tags: []string{"bench"},
			choices: []choice{{"Length", []value{{"100 cm", "100", 0}, {"140 cm", "140", 9000}}}},
			facts:   []string{"45 cm high, 34 cm deep", "Carries three people and their shopping", "Two bolts a side; ten minutes to put up"},
			items: []item{
				{handle: "hall-bench-oak", title: "Hall Bench in Oak", sku: "BNC-OAK", price: 34900, tags: "oak", alt: "Long oak bench with a stretcher between the legs",
					text: "For the place where boots come off. One plank for the seat, chosen for its grain, and a stretcher that does not mind being stood on."},
				{handle: "hall-bench-rust", title: "Hall Bench in Rust", sku: "BNC-RST", price: 42900, tags: "orange, walnut", alt: "Walnut bench with a rust-coloured tufted cushion",
					text: "Walnut under a tufted cushion in rust wool. At the end of a bed it holds tomorrow's clothes; in a hall it holds everybody."},
				{handle: "hall-bench-ocean", title: "Hall Bench in Ocean", sku: "BNC-OCN", price: 42900, tags: "blue, ash", was: 46900, stock: []int64{0, 0}, alt: "Ash bench with a blue tufted cushion",
					text: "Pale ash and a wool the colour of the sea in March. The cover comes off along a zip you would have to look for."},
			}},
		{kind: "Pouf", vendor: "Ridgeway Goods", collections: base, tags: []string{"pouf", "seat"},
			facts: []string{"55 cm across, 32 cm high", "Filled with recycled wool, not beads", "The cover comes off"},
			items: []item{
				{handle: "knitted-pouf-ginger", title: "Knitted Pouf in Ginger", sku: "POU-K-GIN", price: 12900, tags: "orange, cotton", alt: "Round knitted pouf in ginger",
					text: "Knitted from cotton cord as thick as a pencil, in rows you can count. Feet up, cat on."},
				{handle: "knitted-pouf-stone", title: "Knitted Pouf in Stone", sku: "POU-K-STN", price: 12900, tags: "grey, cotton", alt: "Round knitted pouf in stone grey",
					text: "The grey of beach pebbles, dry. Three evenings of knitting, by people who are much faster than you."},
				{handle: "leather-pouf-cognac", title: "Leather Pouf in Cognac", sku: "POU-L-COG", price: 26900, tags: "brown, leather", alt: "Round segmented leather pouf in cognac",
					text: "Ten segments of vegetable-tanned leather, stitched inside out and turned. It arrives stiff, and softens in the order in which you sit on it."},
				{handle: "leather-pouf-olive", title: "Leather Pouf in Olive", sku: "POU-L-OLV", price: 26900, tags: "green, leather", stock: []int64{2}, alt: "Round segmented leather pouf in olive green",
					text: "Olive leather with a bloom on it that rubs up to a shine. Wax it once a year, or do not."},
			}},
	}
}

func bags() []family {
	const maker = "Ridgeway Goods"
	base := []string{"bags"}
	return []family{
		{kind: "Backpack", vendor: maker, collections: base, tags: []string{"backpack", "canvas"},
			choices: []choice{{"Size", []value{{"16 l", "16", 0}, {"22 l", "22", 2500}}}},
			facts:   []string{"Waxed cotton canvas, 18 oz; bridle leather", "Padded sleeve for a 15-inch laptop", "Repairs are free, for ever"},
			items: []item{
				{handle: "ridge-backpack-navy", title: "Ridge Backpack in Navy", sku: "RDG-NVY", price: 14900, tags: "blue", alt: "Navy canvas backpack with tan leather straps and brass buckles",
					text: "A flap, two straps, one pocket at the front: you can find your keys in it at night. The wax keeps out anything short of a river."},
				{handle: "ridge-backpack-olive", title: "Ridge Backpack in Olive", sku: "RDG-OLV", price: 14900, tags: "green", alt: "Olive canvas backpack with brown leather straps",
					text: "Olive canvas that creases like a good jacket. The base is leather, because floors are what they are."},
				{handle: "ridge-backpack-sand", title: "Ridge Backpack in Sand", sku: "RDG-SND", price: 14900, tags: "beige", was: 16900, alt: "Sand-coloured canvas backpack with brown leather straps",
					text: "Sand will show where it has been, and that is rather the idea. Brass buckles with magnets behind them, for impatient people."},
				{handle: "rolltop-backpack-charcoal", title: "Rolltop Backpack in Charcoal", sku: "RLT-CHR", price: 16900, tags: "black", alt: "Charcoal rolltop backpack",
					text: "Rolls down for a laptop and up for a week's shopping. Welded inside, so that the rain stays a rumour."},
				{handle: "rolltop-backpack-rust", title: "Rolltop Backpack in Rust", sku: "RLT-RST", price: 16900, tags: "orange", stock: []int64{1, 3}, alt: "Rust-coloured rolltop backpack with a leather strap",
					text: "A colour drivers see. One hook closes it, and the hook is the part we test ten thousand times."},
			}},
		{kind: "Tote", vendor: maker, collections: base, tags: []string{"tote", "canvas"},
			facts: []string{"40 × 36 × 14 cm, 16 litres", "Handles fit over a winter coat", "Wash cold, dry flat"},
			items: []item{
				{handle: "market-tote-natural", title: "Market Tote, Natural", sku: "TOT-M-NAT", price: 5800, tags: "cream", more: "gifts", alt: "Natural canvas tote with tan leather handles",
					text: "Undyed canvas and two leather handles, riveted right through. Leeks fit."},
				{handle: "market-tote-ink", title: "Market Tote in Ink", sku: "TOT-M-INK", price: 5800, tags: "blue", more: "gifts", alt: "Ink blue canvas tote with brown leather handles",
					text: "Ink-blue canvas that carries a laptop on weekdays and onions on Saturdays without changing its expression."},
				{handle: "dipped-tote-cobalt", title: "Dipped Tote in Cobalt", sku: "TOT-D-COB", price: 6400, tags: "blue", alt: "Canvas tote with a cobalt blue leather base and handles",
					text: "The lower third is leather, dyed cobalt, so that it can be put down anywhere. Inside: one zip pocket, one loop for keys."},
				{handle: "dipped-tote-brick", title: "Dipped Tote in Brick", sku: "TOT-D-BRK", price: 6400, tags: "red", was: 7200, stock: []int64{0}, alt: "Canvas tote with a brick red leather base and handles",
					text: "Brick-red leather below, bare canvas above. It stands up by itself when you need both hands."},
			}},
		{kind: "Weekender", vendor: maker, collections: base, tags: []string{"weekender", "travel"},
			facts: []string{"52 × 28 × 26 cm, fits every cabin rule we know", "A pocket for shoes at one end", "Shoulder strap included"},
			items: []item{
				{handle: "overnight-bag-sage", title: "Overnight Bag in Sage", sku: "WKD-SAG", price: 19800, tags: "green, canvas", alt: "Sage green canvas weekend bag with tan leather ends",
					text: "Two nights, one bag, no wheels. The top opens along its whole length, so nothing is ever at the bottom."},
				{handle: "overnight-bag-navy", title: "Overnight Bag in Navy", sku: "WKD-NVY", price: 19800, tags: "blue, canvas", alt: "Navy canvas weekend bag with brown leather ends",
					text: "Navy canvas with chestnut ends. It has been to christenings, and to a funeral, and behaved well at both."},
				{handle: "overnight-bag-stone", title: "Overnight Bag in Stone", sku: "WKD-STN", price: 21800, tags: "beige, canvas", was: 23800, alt: "Stone-coloured canvas weekend bag with black leather ends",
					text: "Stone and black, lined in striped ticking. The handles meet exactly in the middle, which took us eleven prototypes."},
			}},
		{kind: "Pouch", vendor: maker, collections: []string{"bags", "gifts"}, tags: []string{"pouch", "travel"},
			facts: []string{"24 × 14 × 8 cm", "Brass zip, lined in washable nylon", "Made from the offcuts of our bags"},
			items: []item{
				{handle: "zip-pouch-rust", title: "Zip Pouch in Rust", sku: "PCH-RST", price: 3400, tags: "orange, canvas", alt: "Rust-coloured canvas zip pouch with a brown base",
					text: "For chargers, toothbrushes, or the small parts of a large hobby. It stands open while you look."},
				{handle: "zip-pouch-fern", title: "Zip Pouch in Fern", sku: "PCH-FRN", price: 3400, tags: "green, canvas", alt: "Fern green canvas zip pouch with a brown base",
					text: "Fern-green canvas on a leather foot. The zip pull is long enough for gloves."},
				{handle: "leather-case-tan", title: "Leather Case in Tan", sku: "CSE-TAN", price: 5400, tags: "brown, leather", alt: "Tan leather zip case",
					text: "Full-grain leather with the marks of the animal left in. In a year it will be two shades darker and entirely yours."},
				{handle: "leather-case-black", title: "Leather Case in Black", sku: "CSE-BLK", price: 5400, tags: "black, leather", stock: []int64{4}, alt: "Black leather zip case",
					text: "Black leather, black lining, brass zip: easy to find in a hotel bathroom, easy to pack in the dark."},
			}},
	}
}

func desk() []family {
	const maker = "Quire & Co"
	base := []string{"desk"}
	return []family{
		{kind: "Notebook", vendor: maker, collections: []string{"desk", "gifts"}, tags: []string{"notebook", "paper"},
			choices: []choice{{"Ruling", []value{{"Plain", "PL", 0}, {"Lined", "LN", 0}, {"Dotted", "DT", 0}}}},
			facts:   []string{"Three books, A5, 128 pages each", "100 g paper, takes fountain pen", "Sewn, so they lie flat from the first page"},
			items: []item{
				{handle: "trio-notebooks-harvest", title: "Trio of Notebooks, Harvest", sku: "NTB-HRV", price: 2700, tags: "orange, green", alt: "Three cloth-bound notebooks in orange, green and red with a pencil",
					text: "Three cloth-bound books in the colours of an allotment in October. One for work, one for home, one for what you will not show anybody."},
				{handle: "trio-notebooks-tide", title: "Trio of Notebooks, Tide", sku: "NTB-TID", price: 2700, tags: "teal, blue", alt: "Three cloth-bound notebooks in teal, sand and blue with a pencil",
					text: "Sea, sand and deep water. The elastic keeps tickets in and rain out, up to a point."},
				{handle: "trio-notebooks-petal", title: "Trio of Notebooks, Petal", sku: "NTB-PTL", price: 2700, tags: "pink", was: 3200, alt: "Three cloth-bound notebooks in pink, cream and plum with a pencil",
					text: "Rose, cream and plum, in a linen that takes a pressed flower without staining."},
				{handle: "trio-notebooks-graphite", title: "Trio of Notebooks, Graphite", sku: "NTB-GRA", price: 2700, tags: "black, grey", stock: []int64{0, 0, 0}, alt: "Three cloth-bound notebooks in greys with a pencil",
					text: "Three greys for three projects. The spine takes a label, and the label takes pencil."},
			}},
		{kind: "Clock", vendor: "Halden Works", collections: base, tags: []string{"clock"},
			facts: []string{"16 cm tall, one AA battery", "Sweeping movement: no tick at all", "No alarm; get some sleep"},
			items: []item{
				{handle: "quarter-clock-oak", title: "Quarter Clock in Oak", sku: "CLK-Q-OAK", price: 6900, tags: "oak", alt: "Round oak desk clock with a cream face",
					text: "Two hands, twelve marks and a brass second hand that glides instead of ticking. You will know the time and otherwise be left in peace."},
				{handle: "quarter-clock-walnut", title: "Quarter Clock in Walnut", sku: "CLK-Q-WAL", price: 7400, tags: "walnut", alt: "Round walnut desk clock with a cream face",
					text: "Turned walnut, parchment face. It leans back four degrees, which is how people look at clocks."},
				{handle: "block-clock-teal", title: "Block Clock in Teal", sku: "CLK-B-TEA", price: 5900, tags: "teal", more: "gifts", alt: "Square teal desk clock with a cream face",
					text: "A square of lacquered teal with a round idea in it. For shelves, mantelpieces and the top of the fridge."},
				{handle: "block-clock-poppy", title: "Block Clock in Poppy", sku: "CLK-B-POP", price: 5900, tags: "red", was: 6900, more: "gifts", alt: "Square red desk clock with a cream face",
					text: "Poppy red, readable from across the kitchen. Children learn to tell the time from it faster; we have no proof, only children."},
			}},
		{kind: "Pen pot", vendor: "Marsh & Kiln", collections: []string{"desk", "gifts"}, tags: []string{"pen pot"},
			facts: []string{"8 cm across, 10 cm tall", "Cork underneath", "Pencils not included, but we sell those too"},
			items: []item{
				{handle: "pen-pot-terrazzo", title: "Pen Pot in Terrazzo", sku: "PEN-TRZ", price: 2200, tags: "white", alt: "White spotted pen pot with coloured pencils",
					text: "Cast with chips of last year's broken mugs. Nothing is wasted, and each pot is a small census."},
				{handle: "pen-pot-fluted-moss", title: "Fluted Pen Pot in Moss", sku: "PEN-MOS", price: 2400, tags: "green", stock: []int64{3}, alt: "Fluted moss green pen pot with coloured pencils",
					text: "Eighteen flutes in a glossy moss glaze. It also holds wooden spoons, or one very small fern."},
				{handle: "pen-pot-walnut", title: "Pen Pot in Walnut", sku: "PEN-WAL", price: 2900, tags: "walnut", alt: "Walnut pen pot with coloured pencils",
					text: "Turned from the same blanks as our mills. Heavy enough that pulling out a pencil does not pull over the pot."},
			}},
		{kind: "Tray", vendor: "Halden Works", collections: base, tags: []string{"tray", "organiser"},
			facts: []string{"36 × 20 × 4 cm", "One large well, two small", "Felt underneath"},
			items: []item{
				{handle: "desk-tray-oak", title: "Desk Tray in Oak", sku: "TRY-OAK", price: 6400, tags: "oak", alt: "Oak tray with three compartments holding a notebook, a ring and a pen",
					text: "Milled from one board: a place for the phone, a place for the pens, a place for the ring you take off to type."},
				{handle: "desk-tray-walnut", title: "Desk Tray in Walnut", sku: "TRY-WAL", price: 7400, tags: "walnut", was: 8200, alt: "Walnut tray with three compartments",
					text: "Rounded inside, so that paper clips can be swept out with one finger. Walnut makes even receipts look curated."},
				{handle: "desk-tray-sage", title: "Desk Tray in Sage", sku: "TRY-SAG", price: 5400, tags: "green", more: "gifts", alt: "Sage green tray with three compartments",
					text: "The same tray in painted beech. By the door it catches keys, and catches them every time."},
			}},
	}
}
