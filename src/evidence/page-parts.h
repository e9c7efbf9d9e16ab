/* SPDX-License-Identifier: MIT */
/* The sections of the page; page.c puts them in order. */
#ifndef EVIDENCE_PAGE_PARTS_H
#define EVIDENCE_PAGE_PARTS_H

#include <jansson.h>
#include <stdio.h>

/* The way of the bytes, with the first layer that has them wrong. */
void page_put_layers(FILE *f, json_t *run);

/* Why that layer, and which known bug it is; nothing if nothing is known. */
void page_put_evidence(FILE *f, json_t *finding);

/* Each damaged file: a strip of its pages, its wrong ranges, bytes as expected and as observed. */
void page_put_files(FILE *f, json_t *run);

/* The requests of the file around the one that carried FINDING's bytes, on a timeline; nothing if none is
 * known. */
void page_put_requests(FILE *f, json_t *finding);

#endif
