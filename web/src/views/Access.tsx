export const Access = () => <h1>Feeds and tokens</h1>;
