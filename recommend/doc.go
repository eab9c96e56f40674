// Package recommend is what an edge knows about which products go together: a table of the nearest neighbours of each
// product, made out of sessions by analytics, the file that it travels in, and how the tables of what somebody has just looked at
// are put together into recommendations. DESIGN.md has the formulas and where they come from.
package recommend
