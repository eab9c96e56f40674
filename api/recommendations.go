package api

// RecommendationTable is a table of recommendations that an edge made and put into S3. Every edge serves the newest.
type RecommendationTable struct {
	// Version is part of what impressions and clicks say; "": no table was made yet.
	Version string `json:"version"`
	// Key is where the file is, in the bucket of the shop's pictures.
	Key string `json:"key"`
	// Items is how many products have neighbours in it, Pairs how many all of them have together.
	Items int64 `json:"items"`
	Pairs int64 `json:"pairs"`
	// MadeBy is the edge that made it, and MadeAt when it was published.
	MadeBy string `json:"made_by"`
	MadeAt string `json:"made_at"`
	// Gone are the keys of files that nobody needs any more since this one is there.
	Gone []string `json:"gone"`
}

// PublishTable makes a table the newest. After is the version that it replaces: of two edges that made one at the same time the second is refused.
type PublishTable struct {
	Version string `json:"version"`
	Key     string `json:"key"`
	Items   int64  `json:"items"`
	Pairs   int64  `json:"pairs"`
	Edge    string `json:"edge"`
	After   string `json:"after"`
}

// The endpoints of recommendations.
var (
	RecommendationsGet     = Endpoint[None, RecommendationTable]{Name: "recommendations.get"}
	RecommendationsPublish = Endpoint[PublishTable, RecommendationTable]{Name: "recommendations.publish", Kind: Write}
)
