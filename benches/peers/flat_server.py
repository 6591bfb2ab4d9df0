"""The peer of serve.py: a FastAPI server over a FAISS flat index, built as cerebro's api/app.py is.

    FLAT=folder uvicorn flat_server:app --port 8000

The folder holds vectors.npy, and queries.json with queries.npy: what its text tower would make of each query is looked up there,
so no time goes into a model. As there, rows come with their cells from a list, answers through a response model, and the
function is an ordinary one, which FastAPI runs in its threads. Needs fastapi, uvicorn, faiss-cpu and numpy.
"""

import json
import os
from pathlib import Path
from typing import List, Optional

import faiss
import numpy as np
from fastapi import FastAPI
from fastapi.middleware.cors import CORSMiddleware
from pydantic import BaseModel

folder = Path(os.environ["FLAT"])
vectors = np.load(folder / "vectors.npy", mmap_mode="r")
index = faiss.IndexFlatIP(vectors.shape[1])
index.add(np.ascontiguousarray(vectors))
rows = [{"file_path": f"{at:08}.png", "youtube_video_id": None, "timestamp": None, "media_type": "image"} for at in range(len(vectors))]
towers = dict(zip(json.loads((folder / "queries.json").read_text()), np.load(folder / "queries.npy")))

app = FastAPI()
app.add_middleware(CORSMiddleware, allow_origins=["*"], allow_credentials=True, allow_methods=["*"], allow_headers=["*"])


class Hit(BaseModel):
    file_path: str
    youtube_video_id: Optional[str]
    timestamp: Optional[float]
    media_type: str
    score: float


@app.get("/search/text", response_model=List[Hit])
def search_text(query: str, top_n: int = 5, filter_media: Optional[str] = None):
    scores, found = index.search(towers[query].reshape(1, -1), top_n)
    best = sorted(zip(scores[0], found[0]), key=lambda hit: hit[0], reverse=True)
    return [Hit(**rows[row], score=float(score)) for score, row in best]
