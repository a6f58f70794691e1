/** Rest is waiting that somebody can cut short. */
export class Rest {
  private end = () => {};

  /** of waits so long, until wake, or until signal says that there is no use. */
  of(ms: number, signal?: AbortSignal): Promise<void> {
    return new Promise((done) => {
      const end = () => {
        clearTimeout(timer);
        signal?.removeEventListener("abort", end);
        if (this.end === end) this.end = () => {};
        done();
      };
      const timer = setTimeout(end, ms);
      this.end = end;
      signal?.addEventListener("abort", end);
    });
  }

  wake() {
    this.end();
  }
}
