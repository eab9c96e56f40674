// Command render makes the demo catalogue's pictures and clips: signed distance models in a studio,
// ray-marched, deterministic from the list of shots. See ../README.md for how to run it.
package main

import (
	"flag"
	"fmt"
	"os"
)

func main() {
	var o options
	flag.StringVar(&o.dir, "dir", "demo", "the demo directory to write pictures/ and clips/ into")
	flag.StringVar(&o.only, "only", "", "only pictures whose name starts with this")
	flag.StringVar(&o.sheet, "sheet", "", "write a contact sheet (PNG) to this file instead of pictures")
	flag.IntVar(&o.size, "size", 960, "the most pixels a side")
	flag.BoolVar(&o.clips, "clips", false, "make the clips instead of the pictures")
	flag.BoolVar(&o.force, "force", false, "render again what is there already")
	flag.Parse()
	if err := run(o); err != nil {
		fmt.Fprintln(os.Stderr, "render:", err)
		os.Exit(1)
	}
}

type options struct {
	dir, only, sheet string
	size             int
	clips, force     bool
}

func run(o options) error {
	switch {
	case o.sheet != "":
		return contactSheet(o)
	case o.clips:
		return makeClips(o)
	}
	return makePictures(o)
}
