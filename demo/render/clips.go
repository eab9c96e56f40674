package main

func makeClips(o options) error { return nil }
