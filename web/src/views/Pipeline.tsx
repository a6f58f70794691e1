export const Pipeline = () => <h1>Pipeline</h1>;
